/**
 * Features on disk, kept from run to run: an entry for each trunk, transform and source, by a key of their content; in it a row a
 * picture, with a check sum.
 *
 * @module
 */
export {
  type About,
  type CacheEntry,
  cacheEntries,
  cacheFolder,
  clearCache,
  entryFolder,
  openEntry,
  removeEntries,
  roomFor,
} from "./directory.js";
export { openRows, presentRows, type RowFile } from "./rows.js";
