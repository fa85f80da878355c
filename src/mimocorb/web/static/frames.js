// What a frame of the gateway holds, and what is said about the event in it.

import { clockText } from "./axes.js";
import { digits } from "./dom.js";

export const TIME_UNITS = [["ns", 1], ["µs", 1e3], ["ms", 1e6], ["s", 1e9]];
const YEAR_10000_S = 253402300800;

// The length of the head, the head as JSON, and the values of the channels as float32.
export function decoded(message) {
  const size = new DataView(message).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(message, 4, size)));
  let at = 4 + size;
  const channels = head.lengths.map((length) => {
    const values = new Float32Array(message, at, length);
    at += 4 * length;
    return values;
  });
  return { head, channels };
}

export function eventText(head) {
  const parts = [`event ${head.counter}`];
  if (head.timestamp > 0 && head.timestamp < YEAR_10000_S) parts.push(clockText(head.timestamp));
  if (head.deadtime >= 0) parts.push(`dead time ${digits(100 * head.deadtime, 3)} %`);
  if (head.skipped) parts.push(`${head.skipped} not shown before it`);
  if (head.width) parts.push(`extremes of ${head.width} samples`);
  return parts.join(" · ");
}

// The unit in which events of so many samples are read best, and its size in ns.
export function timeUnit(sampleTimeNs, samples) {
  if (!sampleTimeNs) return ["samples", 1];
  return TIME_UNITS.findLast(([, size]) => (sampleTimeNs * samples) / size >= 2) ?? TIME_UNITS[0];
}
