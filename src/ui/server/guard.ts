import { isIP } from "node:net";
import { hostname } from "node:os";
import type { MiddlewareHandler } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import { createMiddleware } from "hono/factory";
import { secureHeaders } from "hono/secure-headers";
import { cookieOf, sameSecret } from "./token.js";

export interface GuardOptions {
  readonly token: string;
  /** What the server is bound to. */
  readonly host: string;
  readonly port: () => number;
}

/** Whether only this machine reaches a server that is bound to this address. */
export const isLoopback = (host: string): boolean => host === "localhost" || host === "::1" || /^127\./.test(host);

/** What every answer says to the browser: nothing but our own files, no frames, no guessing of types. */
export const headers: MiddlewareHandler = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'", "blob:"],
    connectSrc: ["'self'"],
    baseUri: ["'none'"],
    formAction: ["'none'"],
    frameAncestors: ["'none'"],
  },
  xFrameOptions: "DENY",
  crossOriginResourcePolicy: "same-origin",
  crossOriginOpenerPolicy: "same-origin",
  referrerPolicy: "no-referrer",
  // Plain HTTP on this machine.
  strictTransportSecurity: false,
  permissionsPolicy: { camera: [], microphone: [], geolocation: [], usb: [] },
});

/**
 * Refuses names that the server does not have. A page of another site whose name was made to point here (DNS rebinding) is of its own
 * origin for the browser; what gives it away is the name. An address is no such name, so a server for others takes all addresses.
 */
export const hostGuard = ({ host, port }: GuardOptions): MiddlewareHandler =>
  createMiddleware(async (c, next) => {
    const given = c.req.header("host")?.toLowerCase() ?? "";
    const name = given.endsWith(`:${port()}`) ? given.slice(0, -`:${port()}`.length) : given;
    const bare = name.replace(/^\[(.*)\]$/, "$1");
    const own = isLoopback(host)
      ? ["127.0.0.1", "localhost", "::1", host].includes(bare)
      : isIP(bare) > 0 || ["localhost", host.toLowerCase(), hostname().toLowerCase()].includes(bare);
    if (!own) return c.text("This server does not have that name.\n", 403);
    return next();
  });

/**
 * Refuses what a page of another origin asks for: by `Origin`, which no page can forge, and by `Sec-Fetch-Site` where there is none.
 * Another port of this machine is another origin, though the same site.
 */
export const originGuard: MiddlewareHandler = createMiddleware(async (c, next) => {
  const origin = c.req.header("origin");
  const site = c.req.header("sec-fetch-site");
  const refused = () => c.text("Asked for by a page of another origin.\n", 403);
  if (origin !== undefined && origin !== `http://${c.req.header("host")}`) return refused();
  const isSafe = c.req.method === "GET" || c.req.method === "HEAD";
  // Following a link to the page is no harm: it is shown to the user, and nothing of it to the page with the link.
  const opens = c.req.header("sec-fetch-mode") === "navigate" && isSafe && !c.req.path.startsWith("/api/");
  if (site !== undefined && site !== "same-origin" && site !== "none" && !opens) return refused();
  // A browser says the origin of everything that changes something; what says none must have the token itself.
  if (!isSafe && origin === undefined && c.req.header("authorization") === undefined) return refused();
  return next();
});

/** What to do where there is no token, for people. */
const CLOSED = `<!doctype html><html lang="en"><meta charset="utf-8"><title>fixres ui</title>
<h1>This page wants a token</h1><p>Open the address that <code>fixres ui</code> has printed; it has the token in it.</p></html>`;

/**
 * Lets in whoever has the token: in the address once, which leaves a cookie and is gone from the address then; as `Authorization:
 * Bearer`, for programs; or as that cookie.
 */
export function tokenGuard({ token, port }: GuardOptions): MiddlewareHandler {
  const secret = cookieOf(token);
  return createMiddleware(async (c, next) => {
    // Cookies do not know ports; without it in the name, two servers would take each other's place.
    const name = `fixres_ui_${port()}`;
    const url = new URL(c.req.url);
    const typed = url.searchParams.get("token");
    if (typed !== null && c.req.method === "GET" && !url.pathname.startsWith("/api/") && sameSecret(typed, token)) {
      setCookie(c, name, secret, { httpOnly: true, sameSite: "Strict", path: "/" });
      url.searchParams.delete("token");
      // Never to another server, whatever the path begins with.
      return c.redirect(`/${url.pathname.replace(/^[/\\]+/, "")}${url.search}`, 303);
    }
    const bearer = /^Bearer (\S+)$/.exec(c.req.header("authorization") ?? "")?.[1];
    const known = bearer !== undefined ? sameSecret(bearer, token) : sameSecret(getCookie(c, name) ?? "", secret);
    if (known) return next();
    return c.req.path.startsWith("/api/") ? c.json({ error: "a token is needed" }, 401) : c.html(CLOSED, 401);
  });
}
