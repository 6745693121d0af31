import { expect, it } from "vitest";
import { shownAddress } from "./redis.js";

it("shows an address without its password", () => {
  expect(shownAddress("redis://:secret@host:6379")).toBe("redis://host:6379");
  expect(shownAddress("rediss://worker:se%40cret@host:6380/2")).toBe("rediss://worker@host:6380/2");
});

it.each([["secret@host"], ["http://:secret@host"], ["secret:x@host:1"]])("refuses %s without a word of it", (url) => {
  expect(() => shownAddress(url)).toThrow(/give redis:\/\/HOST:PORT/);
  expect(() => shownAddress(url)).not.toThrow(/@|cret@/);
});
