/** Candles and curves by lightweight-charts, in the page's colours and in local time. */

import {
  AreaSeries,
  CandlestickSeries,
  type IChartApi,
  type IPriceLine,
  type ISeriesApi,
  type ISeriesMarkersPluginApi,
  LineStyle,
  type SeriesMarker,
  TickMarkType,
  type Time,
  type UTCTimestamp,
  createChart,
  createSeriesMarkers,
} from "lightweight-charts";
import { type ReactNode, useEffect, useRef } from "react";
import { price as shownPrice, money, percent, priceDigits } from "../format";
import { useStore } from "../live/store";
import { colour, colours } from "../live/theme";
import { type Bar, type Line, type Mark, type Point, follows } from "./series";

const HOUR: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const formats = {
  whole: new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric", ...HOUR }),
  year: new Intl.DateTimeFormat(undefined, { year: "numeric" }),
  month: new Intl.DateTimeFormat(undefined, { month: "short" }),
  day: new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" }),
  hour: new Intl.DateTimeFormat(undefined, HOUR),
};

function local(time: Time): Date {
  return new Date((time as number) * 1000);
}

function tick(time: Time, kind: TickMarkType): string {
  if (kind === TickMarkType.Year) return formats.year.format(local(time));
  if (kind === TickMarkType.Month) return formats.month.format(local(time));
  return (kind === TickMarkType.DayOfMonth ? formats.day : formats.hour).format(local(time));
}

function look(): Parameters<IChartApi["applyOptions"]>[0] {
  const line = colour("--line");
  return {
    layout: {
      background: { color: "transparent" },
      textColor: colour("--ink"),
      fontFamily: getComputedStyle(document.body).fontFamily,
      attributionLogo: false,
      panes: { separatorColor: line, separatorHoverColor: line },
    },
    grid: { vertLines: { color: line }, horzLines: { color: line } },
    rightPriceScale: { borderColor: line },
    timeScale: { borderColor: line, timeVisible: true, secondsVisible: false, tickMarkFormatter: tick },
    crosshair: { vertLine: { labelBackgroundColor: colour("--faint") }, horzLine: { labelBackgroundColor: colour("--faint") } },
    localization: { timeFormatter: (time: Time) => formats.whole.format(local(time)) },
  };
}

function chart(place: HTMLElement): IChartApi {
  return createChart(place, { autoSize: true, ...look(), handleScroll: { vertTouchDrag: false } });
}

const STYLES: Record<Line["kind"], { name: string; style: LineStyle; width: 1 | 2 }> = {
  entry: { name: "--ink", style: LineStyle.Dotted, width: 2 },
  stop: { name: "--down", style: LineStyle.Dashed, width: 2 },
  target: { name: "--up", style: LineStyle.Dashed, width: 2 },
  level: { name: "--fourth", style: LineStyle.Solid, width: 1 },
};

interface Candles {
  chart: IChartApi;
  series: ISeriesApi<"Candlestick">;
  marks: ISeriesMarkersPluginApi<Time>;
  lines: IPriceLine[];
  first: number;
}

export default function Candlesticks({ bars, lines, marks, label }: { bars: readonly Bar[]; lines: readonly Line[]; marks: readonly Mark[]; label: string }): ReactNode {
  const place = useRef<HTMLDivElement>(null);
  const made = useRef<Candles | null>(null);
  const painted = useStore(colours, (value) => value);

  useEffect(() => {
    if (place.current === null) return;
    const drawn = chart(place.current);
    const series = drawn.addSeries(CandlestickSeries, {});
    made.current = { chart: drawn, series, marks: createSeriesMarkers(series, []), lines: [], first: 0 };
    return () => {
      made.current = null;
      drawn.remove();
    };
  }, []);

  useEffect(() => {
    const { chart: drawn, series } = made.current ?? {};
    const [up, down] = [colour("--up"), colour("--down")];
    drawn?.applyOptions(look());
    series?.applyOptions({ upColor: colour("--page"), borderUpColor: up, wickUpColor: up, downColor: down, borderDownColor: down, wickDownColor: down });
  }, [painted]);

  useEffect(() => {
    const drawn = made.current;
    if (drawn === null) return;
    const last = bars[bars.length - 1];
    const digits = priceDigits(last?.close ?? 1);
    drawn.series.applyOptions({ priceFormat: { type: "custom", formatter: (value: number) => shownPrice(value), minMove: 10 ** -digits } });
    drawn.series.setData(bars.map((one) => ({ time: one.time as UTCTimestamp, open: one.open, high: one.high, low: one.low, close: one.close })));
    const first = bars[0]?.time ?? 0;
    if (drawn.first === 0 && first !== 0) drawn.chart.timeScale().setVisibleLogicalRange({ from: Math.max(0, bars.length - 120), to: bars.length + 3 });
    drawn.first = first;
  }, [bars]);

  useEffect(() => {
    const drawn = made.current;
    if (drawn === null) return;
    for (const one of drawn.lines) drawn.series.removePriceLine(one);
    drawn.lines = lines.map((one) => {
      const { name, style, width } = STYLES[one.kind];
      return drawn.series.createPriceLine({ price: one.price, title: one.title, color: colour(name), lineStyle: style, lineWidth: width, axisLabelVisible: one.kind !== "level" });
    });
  }, [lines, painted]);

  useEffect(() => {
    const found: SeriesMarker<Time>[] = marks.map((one) => ({
      time: one.time as UTCTimestamp,
      position: one.side === "BUY" ? "belowBar" : "aboveBar",
      shape: one.kind === "signal" ? "circle" : one.side === "BUY" ? "arrowUp" : "arrowDown",
      color: colour(one.kind === "signal" ? "--fourth" : one.side === "BUY" ? "--up" : "--down"),
      text: one.text,
    }));
    made.current?.marks.setMarkers(found);
  }, [marks, bars, painted]);

  return <div className="chart tall" ref={place} role="img" aria-label={label} />;
}

/** Equity above, how far it is below its peak underneath. */
export function EquityChart({ points, currency, label }: { points: readonly Point[]; currency: string; label: string }): ReactNode {
  const place = useRef<HTMLDivElement>(null);
  const made = useRef<{ chart: IChartApi; equity: ISeriesApi<"Area">; fall: ISeriesApi<"Area">; drawn: readonly Point[] } | null>(null);
  const painted = useStore(colours, (value) => value);

  useEffect(() => {
    if (place.current === null) return;
    const drawn = chart(place.current);
    const equity = drawn.addSeries(AreaSeries, { lineWidth: 2, priceFormat: { type: "custom", formatter: (value: number) => money(value) } }, 0);
    const fall = drawn.addSeries(AreaSeries, { lineWidth: 2, invertFilledArea: true, priceFormat: { type: "custom", minMove: 0.0001, formatter: (value: number) => percent(value) } }, 1);
    drawn.panes()[0]?.setStretchFactor(3);
    drawn.panes()[1]?.setStretchFactor(1);
    made.current = { chart: drawn, equity, fall, drawn: [] };
    return () => {
      made.current = null;
      drawn.remove();
    };
  }, []);

  useEffect(() => {
    const drawn = made.current;
    if (drawn === null) return;
    drawn.chart.applyOptions(look());
    const [up, down] = [colour("--up"), colour("--down")];
    drawn.equity.applyOptions({ lineColor: up, topColor: `${up}55`, bottomColor: `${up}05`, title: currency });
    drawn.fall.applyOptions({ lineColor: down, topColor: `${down}05`, bottomColor: `${down}55`, title: "" });
  }, [painted, currency]);

  useEffect(() => {
    const drawn = made.current;
    if (drawn === null) return;
    const before = drawn.drawn;
    if (follows(before, points)) {
      for (const one of points.slice(before.length - 1)) {
        drawn.equity.update({ time: one.time as UTCTimestamp, value: one.equity });
        drawn.fall.update({ time: one.time as UTCTimestamp, value: -one.drawdown });
      }
    } else {
      drawn.equity.setData(points.map((one) => ({ time: one.time as UTCTimestamp, value: one.equity })));
      drawn.fall.setData(points.map((one) => ({ time: one.time as UTCTimestamp, value: -one.drawdown })));
      if (before.length < 2 && points.length > 1) drawn.chart.timeScale().fitContent();
    }
    drawn.drawn = points;
  }, [points]);

  return <div className="chart" ref={place} role="img" aria-label={label} />;
}
