/** The presets; one of them can be looked at, changed, and asked about. Nothing is kept on the server. */

import { type ReactNode, useId, useState } from "react";
import { visible, words } from "../format";
import { api, said, useRemote } from "../live/session";
import { Store, useStore } from "../live/store";
import { Card, Chip, Empty, Table, Text, Waiting } from "../parts/basic";
import { Failed } from "../parts/dialog";
import { SELDOM, useKeys } from "../parts/keys";
import { type Draft, SECTIONS, asked, command, edited, flat, typed, without } from "../parts/presetdraft";
import { to } from "../route";
import { type Plain, items, list, record, text } from "../wire";

interface Edit {
  draft: Draft;
  strategy: string;
}

const UNTOUCHED: Edit = { draft: {}, strategy: "" };
/** What is being changed, by the preset it began with: it stays while one looks at something else. */
const edits = new Store<ReadonlyMap<string, Edit>>(new Map());

export default function Presets({ chosen }: { chosen: string }): ReactNode {
  const remote = useRemote("api/presets", [], SELDOM);
  const keys = useKeys();
  const begun = useStore(edits, (value) => value);
  const used = text(keys?.get("preset")?.value);
  const rows = items(remote.body);
  const found = rows.find((one) => text(one.name) === chosen);
  return (
    <Waiting of={remote}>
      <Card title="Presets">
        <Table
          label="Presets"
          rows={rows}
          id={(row, at) => text(row.name) || at}
          none="There are no presets."
          columns={[
            {
              name: "Name",
              cell: (row) => (
                <a href={to("setup", "", { preset: text(row.name) })} data-preset={text(row.name)} aria-current={row === found ? "true" : undefined}>
                  <Text value={text(row.name)} most={60} />
                </a>
              ),
            },
            { name: "What for", long: true, cell: (row) => <Text value={text(row.intent)} most={300} /> },
            {
              name: "",
              cell: (row) => (
                <>
                  {text(row.name) === used && <Chip tone="good">in use</Chip>} {begun.has(text(row.name)) && <Chip tone="busy">changed here</Chip>}
                </>
              ),
            },
          ]}
        />
      </Card>
      {found !== undefined ? <Preset key={chosen} of={found} keys={keys} /> : chosen !== "" ? <Empty>There is no preset of this name.</Empty> : <Empty>Choose one to see its values, to change them, and to have them checked.</Empty>}
    </Waiting>
  );
}

function Preset({ of, keys }: { of: Plain; keys: ReadonlyMap<string, Plain> | null }): ReactNode {
  const name = text(of.name);
  const values = flat(record(of.values));
  const edit = useStore(edits, (value) => value.get(name) ?? UNTOUCHED);
  const [verdict, setVerdict] = useState<{ of: Edit; body: Plain } | null>(null);
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const { draft, strategy } = edit;
  const change = (after: Edit): void => {
    const all = new Map(edits.get());
    if (Object.keys(after.draft).length === 0 && after.strategy === "") all.delete(name);
    else all.set(name, after);
    edits.set(all);
    setError("");
  };
  const check = async (): Promise<void> => {
    setBusy(true);
    setError("");
    try {
      setVerdict({ of: edit, body: record(await api.post("api/presets/validate", asked(name, draft, strategy))) });
    } catch (thrown) {
      setError(said(thrown));
    } finally {
      setBusy(false);
    }
  };
  const added = Object.keys(draft).filter((key) => !values.has(key));
  const sections = new Map<string, string[]>();
  for (const key of [...values.keys(), ...added]) {
    const section = key.split(".", 1)[0] ?? "";
    sections.set(section, [...(sections.get(section) ?? []), key]);
  }
  const shown = verdict !== null && verdict.of === edit ? verdict.body : null;
  return (
    <Card title={visible(name, 60)} extra={<Text value={text(of.intent)} most={300} />} className="preset">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void check();
        }}
      >
        {[...sections].map(([section, names]) => (
          <fieldset key={section}>
            <legend>{words(section)}</legend>
            <ul className="settings edit">
              {names.map((key) => (
                <Row key={key} name={key} known={keys?.get(key)} was={values.has(key) ? typed(values.get(key)) : null} now={draft[key]} set={(value) => change({ draft: value === null ? without(draft, key) : edited(draft, values, key, value), strategy })} />
              ))}
            </ul>
          </fieldset>
        ))}
        <More known={keys} taken={(key) => values.has(key) || key in draft} add={(key) => change({ draft: { ...draft, [key]: typed(keys?.get(key)?.value) }, strategy })} />
        <Strategy value={strategy} change={(value) => change({ draft, strategy: value })} />
        <div className="checking">
          <div className="buttons left">
            <button type="submit" className="primary" disabled={busy}>
              {busy ? "Checking…" : "Check"}
            </button>
            <button type="button" disabled={edit === UNTOUCHED} onClick={() => change(UNTOUCHED)}>
              Undo all
            </button>
            <span className="faint">Nothing is kept on the server, and nothing is started.</span>
          </div>
          {error !== "" && <Failed>{error}</Failed>}
          {shown !== null && <Verdict of={shown} />}
        </div>
      </form>
      {edit !== UNTOUCHED && (
        <p>
          The same on the command line: <code className="whole">{visible(command(name, draft, strategy), 4000)}</code>
        </p>
      )}
    </Card>
  );
}

function Row({ name, known, was, now, set }: { name: string; known: Plain | undefined; was: string | null; now: string | undefined; set: (value: string | null) => void }): ReactNode {
  const id = useId();
  const changed = now !== undefined;
  return (
    <li data-key={name} className={changed ? "changed" : undefined}>
      <label htmlFor={id}>
        <code>
          <Text value={name} most={120} />
        </code>
      </label>
      <span className="value">
        <input id={id} value={now ?? was ?? ""} placeholder="null" maxLength={4000} autoComplete="off" spellCheck={false} aria-describedby={`${id}-what`} onChange={(event) => set(event.target.value)} />
      </span>
      <span className="source">
        {changed && (
          <>
            <Chip tone="busy">{was === null ? "added" : <>was <Text value={was === "" ? "null" : was} most={60} /></>}</Chip>{" "}
            <button type="button" onClick={() => set(null)}>
              {was === null ? "Take out" : "Undo"}
              <span className="hidden"> {visible(name, 60)}</span>
            </button>
          </>
        )}
      </span>
      <span className="faint what" id={`${id}-what`}>
        {known !== undefined && (
          <>
            <Text value={text(known.what)} most={300} /> (<Text value={text(known.allowed)} most={200} />)
          </>
        )}
      </span>
    </li>
  );
}

function More({ known, taken, add }: { known: ReadonlyMap<string, Plain> | null; taken: (key: string) => boolean; add: (key: string) => void }): ReactNode {
  const id = useId();
  const [key, setKey] = useState("");
  const names = [...(known?.keys() ?? [])].filter((one) => SECTIONS.includes(one.split(".", 1)[0] ?? "") && one.includes(".") && !taken(one));
  const wanted = key.trim();
  const possible = wanted !== "" && !taken(wanted);
  const take = (): void => {
    if (!possible) return;
    add(wanted);
    setKey("");
  };
  return (
    <p className="field another">
      <label htmlFor={id}>Another key</label>
      <span>
        <input
          id={id}
          list={`${id}-names`}
          value={key}
          maxLength={200}
          autoComplete="off"
          spellCheck={false}
          placeholder="risk.…"
          onChange={(event) => setKey(event.target.value)}
          onKeyDown={(event) => {
            if (event.key !== "Enter") return;
            event.preventDefault();
            take();
          }}
        />{" "}
        <button type="button" disabled={!possible} onClick={take}>
          Add
        </button>
      </span>
      <datalist id={`${id}-names`}>
        {names.map((one) => (
          <option key={one} value={one} />
        ))}
      </datalist>
    </p>
  );
}

function Strategy({ value, change }: { value: string; change: (value: string) => void }): ReactNode {
  const id = useId();
  const names = items(useRemote("api/strategies", [], SELDOM).body).map((one) => text(one.name));
  return (
    <p className="field another">
      <label htmlFor={id}>Checked with the strategy</label>
      <span>
        <select id={id} value={value} onChange={(event) => change(event.target.value)}>
          <option value="">of the preset, or by default</option>
          {names.map((one) => (
            <option key={one} value={one}>
              {visible(one, 60)}
            </option>
          ))}
        </select>
      </span>
    </p>
  );
}

function Verdict({ of }: { of: Plain }): ReactNode {
  const problems = list(of.problems).map(text);
  const notices = list(of.notices).map(text);
  return (
    <div role="status" className="verdict" data-ok={of.ok === true}>
      {of.ok === true ? (
        <p className="verified">✓ A run would take it.</p>
      ) : (
        <p className="failed">
          <span aria-hidden="true">✕ </span>A run would refuse it:
        </p>
      )}
      {problems.length + notices.length > 0 && (
        <ul>
          {problems.map((one) => (
            <li key={one}>
              <Text value={one} most={600} />
            </li>
          ))}
          {notices.map((one) => (
            <li key={one} className="faint">
              <Text value={one} most={600} />
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
