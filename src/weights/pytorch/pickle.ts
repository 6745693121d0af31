/**
 * Pickles, read as data. A pickle is a program that may call anything; here only what builds a dictionary of tensors is understood,
 * and everything else is refused by its name. Nothing is looked up and nothing is run.
 * Format: Python's pickletools, protocols 0 to 5.
 */
import { DataError } from "../../errors.js";
import type { Bytes } from "./bytes.js";

/** Something that a pickle asks for by name: a function, or a class. */
export class Global {
  constructor(readonly name: string) {}
}

/** A call that was asked for. */
export interface Calls {
  /** Checks a name that is asked for, whether it is called or not. @throws {DataError} for any that no tensor needs */
  check(name: Global): Global;
  /** The result of an allowed call. @throws {DataError} for any other */
  call(callee: Global, args: readonly unknown[]): unknown;
  /** What a persistent id stands for. */
  persistent(id: unknown): unknown;
}

/** Deeper programs and larger ones than any state dict needs. */
const MOST_ITEMS = 5_000_000;

const MARK = Symbol("mark");
const NOTHING = Symbol("nothing");

/** Runs over a pickle from `bytes.at` to its end, and gives what it builds. @throws {DataError} for any fault */
export function unpickle(bytes: Bytes, calls: Calls): unknown {
  return new Unpickler(bytes, calls).run();
}

class Unpickler {
  private readonly stack: unknown[] = [];
  private readonly memo = new Map<number, unknown>();
  private items = 0;

  constructor(
    private readonly bytes: Bytes,
    private readonly calls: Calls,
  ) {}

  run(): unknown {
    for (;;) {
      const code = this.bytes.byte();
      // STOP
      if (code === 0x2e) return this.pop();
      const value = this.value(code);
      if (value !== NOTHING) this.stack.push(value);
      if (++this.items > MOST_ITEMS) this.bytes.fail("its pickle is longer than any checkpoint's");
    }
  }

  /** Carries out an operation. @returns what it puts on the stack, or NOTHING */
  private value(code: number): unknown {
    const { bytes } = this;
    switch (String.fromCharCode(code)) {
      case "\x80": // PROTO
        if (bytes.byte() > 5) bytes.fail("its pickle is of a protocol above 5");
        return NOTHING;
      case "\x95": // FRAME
        bytes.skip(8);
        return NOTHING;
      case "(":
        return MARK;
      case "0": // POP
        this.pop();
        return NOTHING;
      case "1": // POP_MARK
        this.toMark();
        return NOTHING;
      case "2": // DUP
        return this.top();
      case "N":
        return null;
      case "\x88":
        return true;
      case "\x89":
        return false;
      case "K":
        return bytes.byte();
      case "M":
        return bytes.uint(2);
      case "J":
        return bytes.int32();
      case "\x8a": // LONG1
        return bytes.long(bytes.byte());
      case "\x8b": // LONG4
        return bytes.long(bytes.uint(4));
      case "I":
      case "L":
        return decimal(bytes.line());
      case "F":
        return Number(bytes.line());
      case "G":
        return bytes.float64();
      case "U":
      case "\x8c": // SHORT_BINUNICODE
        return bytes.text(bytes.byte());
      case "T":
      case "X": // BINUNICODE
        return bytes.text(bytes.uint(4));
      case "\x8d": // BINUNICODE8
        return bytes.text(bytes.uint(8));
      case "C":
        return bytes.take(bytes.byte());
      case "B":
        return bytes.take(bytes.uint(4));
      case "\x8e":
        return bytes.take(bytes.uint(8));
      case "]":
      case ")":
        return [];
      case "}":
      case "\x8f": // EMPTY_SET
        return new Map();
      case "t":
      case "l":
        return this.toMark();
      case "\x85":
        return this.several(1);
      case "\x86":
        return this.several(2);
      case "\x87":
        return this.several(3);
      case "d":
        return this.fill(new Map(), this.toMark());
      case "a":
        this.extend([this.pop()]);
        return NOTHING;
      case "e":
        this.extend(this.toMark());
        return NOTHING;
      case "s":
        this.set(this.several(2));
        return NOTHING;
      case "u":
        this.set(this.toMark());
        return NOTHING;
      case "\x90": // ADDITEMS
        this.set(this.toMark().flatMap((item) => [item, true]));
        return NOTHING;
      case "q":
        this.remember(bytes.byte());
        return NOTHING;
      case "r":
        this.remember(bytes.uint(4));
        return NOTHING;
      case "\x94": // MEMOIZE
        this.remember(this.memo.size);
        return NOTHING;
      case "h":
        return this.recall(bytes.byte());
      case "j":
        return this.recall(bytes.uint(4));
      case "c":
        return this.calls.check(new Global(`${bytes.line()}.${bytes.line()}`));
      case "\x93": {
        // STACK_GLOBAL
        const [module, name] = this.several(2);
        return this.calls.check(new Global(`${String(module)}.${String(name)}`));
      }
      case "R":
      case "\x81": {
        // REDUCE, NEWOBJ
        const [callee, args] = this.several(2);
        if (!(callee instanceof Global) || !Array.isArray(args)) bytes.fail("its pickle calls what is no function");
        return this.calls.call(callee as Global, args as unknown[]);
      }
      case "b": // BUILD: further state of an object, of which a tensor needs none
        this.pop();
        this.top();
        return NOTHING;
      case "Q": // BINPERSID
        return this.calls.persistent(this.pop());
      default:
        return bytes.fail(`its pickle holds the operation 0x${code.toString(16)}, which no checkpoint needs`);
    }
  }

  private pop(): unknown {
    if (this.stack.length === 0) this.bytes.fail("its pickle takes more than it has");
    return this.stack.pop();
  }

  private top(): unknown {
    if (this.stack.length === 0) this.bytes.fail("its pickle takes more than it has");
    return this.stack.at(-1);
  }

  private several(count: number): unknown[] {
    return Array.from({ length: count }, () => this.pop()).reverse();
  }

  private toMark(): unknown[] {
    const mark = this.stack.lastIndexOf(MARK);
    if (mark < 0) this.bytes.fail("its pickle takes more than it has");
    return this.stack.splice(mark).slice(1);
  }

  private remember(key: number): void {
    this.memo.set(key, this.top());
  }

  private recall(key: number): unknown {
    if (!this.memo.has(key)) this.bytes.fail(`its pickle recalls the value ${key}, which it never made`);
    return this.memo.get(key);
  }

  private extend(values: readonly unknown[]): void {
    const list = this.top();
    if (!Array.isArray(list)) this.bytes.fail("its pickle appends to what is no list");
    for (const value of values) (list as unknown[]).push(value);
  }

  private set(pairs: readonly unknown[]): void {
    const map = this.top();
    if (map instanceof Map) this.fill(map, pairs);
    else if (!(map instanceof Opaque)) this.bytes.fail("its pickle puts items into what is no dictionary");
  }

  private fill(map: Map<unknown, unknown>, pairs: readonly unknown[]): Map<unknown, unknown> {
    for (let i = 0; i + 1 < pairs.length; i += 2) map.set(pairs[i], pairs[i + 1]);
    return map;
  }
}

/** An object that is kept as a name alone, such as a namespace of arguments beside the tensors. */
export class Opaque {
  constructor(readonly name: string) {}
}

function decimal(text: string): unknown {
  // Protocol 0 writes booleans as 00 and 01, and longs with an L behind.
  if (text === "00" || text === "01") return text === "01";
  return Number(text.replace(/L$/, ""));
}

/** The error of a name that is not allowed. */
export function refused(file: string, { name }: Global): DataError {
  return new DataError(
    `checkpoint "${file}" asks for ${JSON.stringify(name).slice(1, -1).slice(0, 80)}, which no tensor needs; it is refused, and nothing of it was run.`,
  );
}
