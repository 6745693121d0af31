import { DataError, reason } from "../errors.js";

/**
 * The bytes at an address.
 * @param what - what messages call it: its kind, and its name
 * @throws {DataError} where there are none
 */
export async function fetchBytes(url: string | URL, what: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`${response.status} ${response.statusText}`.trim());
    return new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    throw new DataError(`${what} cannot be fetched: ${reason(error)}.`);
  }
}
