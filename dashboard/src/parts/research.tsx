/** A case in words, each with a shape of its own. */

import type { ReactNode } from "react";
import { plain, words } from "../format";
import { type Plain, number, text } from "../wire";
import { Chip, Text } from "./basic";

export function Said({ row }: { row: Plain }): ReactNode {
  const verdict = text(row.verdict);
  const code = text(row.code);
  return (
    <Chip tone={verdict === "GO" ? "good" : verdict === "NO_GO" ? "warn" : "calm"}>
      <Text value={verdict === "NO_GO" ? "No go" : verdict === "GO" ? "Go" : words(verdict)} most={20} />
      {code !== "OK" && code !== "" && (
        <span className="faint">
          {" "}
          <Text value={words(code)} most={40} />
        </span>
      )}
    </Chip>
  );
}

export function Effect({ row }: { row: Plain }): ReactNode {
  const effect = text(row.effect);
  if (effect === "VETO") return <Chip tone="warn">refused</Chip>;
  if (effect === "SHRINK") return <Chip tone="busy">{plain(number(row.factor))} × size</Chip>;
  return <Chip tone="calm">{effect === "NONE" ? "none" : <Text value={words(effect)} most={20} />}</Chip>;
}

const SOURCES: Record<string, string> = { llm: "model", cache: "recorded", rules: "rules" };

export function Source({ row }: { row: Plain }): ReactNode {
  const source = text(row.source);
  const name = SOURCES[source];
  return name === undefined ? <Text value={source} most={20} /> : <>{name}</>;
}

/** What the market did, whether or not the trade was taken. */
export function Came({ row }: { row: Plain }): ReactNode {
  const touched = text(row.touched);
  if (touched === "TARGET") return <Chip tone="good">target first</Chip>;
  if (touched === "STOP") return <Chip tone="bad">stop first</Chip>;
  if (touched === "TIME") return <Chip tone="calm">neither in time</Chip>;
  return <Chip tone="busy">open</Chip>;
}
