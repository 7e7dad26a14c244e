import { createRoot } from "react-dom/client";
import "./style.css";
import { App } from "./app";
import { begin } from "./live/session";

const root = document.getElementById("root");
if (root !== null) {
  createRoot(root).render(<App />);
  void begin();
}
