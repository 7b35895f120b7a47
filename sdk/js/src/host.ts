/** What the host gives: files and a log. In a component `guest.ts` puts the host in place; in a
 * test `testing.ts` does. @module */

/** How urgent a message is. */
export type Level = 'debug' | 'info' | 'warn' | 'error';

/** What an analyzer may ask of its host. */
export interface Host {
  /** At most `length` bytes of a file from its start. Throws what the file system says. */
  read(location: string, length: number): Uint8Array;
  log(level: Level, message: string): void;
}

let host: Host | undefined;

/** Sets the host. For `guest.ts` and `testing.ts`. */
export function setHost(given: Host): void {
  host = given;
}

/** The host. */
export function currentHost(): Host {
  if (host === undefined) {
    throw new Error("there is no host here: in a test, import '@packguard/sdk/testing'");
  }
  return host;
}

/**
 * Says one line to the operator; never part of the report. Beyond the step's output limit the
 * host ends the step.
 */
export function log(level: Level, message: string): void {
  currentHost().log(level, message);
}
