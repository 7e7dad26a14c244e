import { readFileSync } from "node:fs";
import { type Plugin, defineConfig } from "vite";

/** Where the API is while the page is developed: `npm run dev` passes its requests on. */
const API = "http://127.0.0.1:8765";

const SHIPPED = ["react", "react-dom", "scheduler", "lightweight-charts", "fancy-canvas"];
/** One whose package has no licence file: what its description says. */
const SAID: Record<string, string> = { "fancy-canvas": "MIT License. Copyright (c) smakarov." };

/** The licences of what is shipped, beside the page. */
function licenses(): Plugin {
  const of = (name: string): string => {
    const { version } = JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8"));
    const text = SAID[name] ?? readFileSync(`node_modules/${name}/LICENSE`, "utf8").trim();
    return `${name} ${version}\n\n${text}\n`;
  };
  return {
    name: "licenses",
    apply: "build",
    generateBundle() {
      this.emitFile({ type: "asset", fileName: "licenses.txt", source: SHIPPED.map(of).join(`\n${"-".repeat(80)}\n\n`) });
    },
  };
}

export default defineConfig({
  base: "./",
  plugins: [licenses()],
  build: {
    outDir: "../api/page",
    emptyOutDir: true,
    target: ["chrome107", "firefox104", "safari16"],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 400,
  },
  server: {
    proxy: {
      "/api": API,
      "/login": API,
      "/logout": API,
      "/ws": { target: API, ws: true },
    },
  },
});
