import { COLOURS } from "../../report/pure.js";

export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

interface LineChartProps {
  readonly title: string;
  readonly x: string;
  readonly series: readonly Series[];
  /** Ends of the axes, where they do not follow from the points. */
  readonly xDomain?: readonly [number, number];
  readonly yDomain?: readonly [number, number];
  readonly format: (y: number) => string;
}

const WIDTH = 320;
const HEIGHT = 190;
const LEFT = 42;
const RIGHT = 12;
const TOP = 10;
const BOTTOM = 34;

/** A few lines over a common axis; told apart by colour, dash and mark. */
export function LineChart({ title, x, series, xDomain, yDomain, format }: LineChartProps) {
  const points = series.flatMap((line) => line.points);
  const [left, right] = xDomain ?? extent(points.map(([at]) => at));
  const [low, high] = yDomain ?? extent(points.map(([, value]) => value));
  const px = (at: number): number => LEFT + ((at - left) / (right - left || 1)) * (WIDTH - LEFT - RIGHT);
  const py = (value: number): number => HEIGHT - BOTTOM - ((value - low) / (high - low || 1)) * (HEIGHT - TOP - BOTTOM);
  const ticks = [low, (low + high) / 2, high];
  const last = series.map(({ name, points: own }) => `${name} ${own.length > 0 ? format(own.at(-1)![1]) : "none yet"}`);
  return (
    <figure class="chart">
      <figcaption>{title}</figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={`${title}: ${last.join(", ")}`}>
        {ticks.map((value) => (
          <g key={value}>
            <line class="grid" x1={LEFT} x2={WIDTH - RIGHT} y1={py(value)} y2={py(value)} />
            <text x={LEFT - 6} y={py(value) + 4} text-anchor="end">
              {format(value)}
            </text>
          </g>
        ))}
        {[left, right].map((at, i) => (
          <text key={at} x={px(at)} y={HEIGHT - BOTTOM + 16} text-anchor={i === 0 ? "start" : "end"}>
            {at}
          </text>
        ))}
        <text x={(LEFT + WIDTH - RIGHT) / 2} y={HEIGHT - 4} text-anchor="middle">
          {x}
        </text>
        {series.map(({ name, points: own }, i) => (
          <g key={name} class="series" style={{ "--colour": COLOURS[i] }}>
            <polyline
              points={own.map(([at, value]) => `${px(at)},${py(value)}`).join(" ")}
              stroke-dasharray={i === 0 ? undefined : "6 3"}
            />
            {own.map(([at, value]) =>
              i === 0 ? (
                <circle key={at} cx={px(at)} cy={py(value)} r="2.5" />
              ) : (
                <rect key={at} x={px(at) - 2.5} y={py(value) - 2.5} width="5" height="5" />
              ),
            )}
          </g>
        ))}
      </svg>
      {series.length > 1 && (
        <p class="legend">
          {series.map(({ name }, i) => (
            <span key={name} class="key" style={{ "--colour": COLOURS[i] }}>
              {name}
            </span>
          ))}
        </p>
      )}
    </figure>
  );
}

const extent = (values: readonly number[]): [number, number] =>
  values.length === 0 ? [0, 1] : [Math.min(...values), Math.max(...values)];
