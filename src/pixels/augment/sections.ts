import { RequestError } from "../../errors.js";

/** A section of an augmentation's name: `mstd0.5` is `mstd` and `0.5`. */
export function sectionOf(section: string): [key: string, value: string] {
  const [, key, value] = /^(\D*)(.*)$/.exec(section)!;
  return [key!, value!];
}

/** @throws {RequestError} where a section's value is not a number of 0 and above */
export function numberOf(text: string, section: string, value: string): number {
  if (!/^\d+(\.\d*)?$/.test(value)) {
    throw new RequestError(`"${text}": "${section}" does not end in a number; write it as in rand-m9-n2-mstd0.5.`);
  }
  return Number(value);
}

/** @throws {RequestError} where it is not a whole number of at least `least` */
export function wholeOf(text: string, section: string, value: string, least = 0): number {
  const number = numberOf(text, section, value);
  if (!Number.isInteger(number) || number < least) {
    throw new RequestError(`"${text}": "${section}" gives ${value}; it takes a whole number from ${least} on.`);
  }
  return number;
}
