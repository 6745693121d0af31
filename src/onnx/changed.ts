/**
 * A message with other values in some fields. Not by `{ ...message }`: fields that are not set have their defaults in the
 * prototype, which that leaves behind.
 */
export const changed = <M extends object>(message: M, fields: Partial<M>): M =>
  Object.assign(Object.create(Object.getPrototypeOf(message)), message, fields);
