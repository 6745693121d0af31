import { describe, expect, it } from "vitest";
import { duration, interval, percent, points, pValue, rate } from "./format.js";

describe("numbers as people read them", () => {
  it("gives fractions as percentages", () => {
    expect(percent(0.81245)).toBe("81.25%");
    expect(percent(1, 0)).toBe("100%");
    expect(interval([0.5, 0.75], 1)).toBe("50.0% to 75.0%");
  });

  it("signs a gain and leaves a loss its own sign", () => {
    expect(points(0.0142, [0.0106, 0.0178])).toBe("+1.42 points (95%: 1.06 to 1.78)");
    expect(points(-0.002, [-0.01, 0.006])).toBe("-0.20 points (95%: -1.00 to 0.60)");
  });

  it.each([
    [1, "p = 1.0"],
    [0.00027, "p = 0.00027"],
    [1.04e-14, "p = 1.0e-14"],
    [0, "p < 1e-300"],
    [Number.MIN_VALUE, "p < 1e-300"],
  ])("never says that %d is impossible", (p, text) => {
    expect(pValue(p)).toBe(text);
  });

  it.each([
    [1893.4, "1893"],
    [16.149, "16.1"],
    [0.5, "0.5"],
    [0.0123456, "0.0123"],
  ])("gives a rate of %d without powers of ten", (perSecond, text) => {
    expect(rate(perSecond)).toBe(text);
  });

  it.each([
    [-3, "0 s"],
    [59.4, "59 s"],
    [185, "3 min 5 s"],
    [7830, "2 h 10 min"],
  ])("says %d seconds as people do", (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });
});
