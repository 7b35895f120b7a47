declare module 'packguard:analyzer/log@1.0.0' {
  export function write(level: 'debug' | 'info' | 'warn' | 'error', message: string): void;
}

declare module 'wasi:filesystem/preopens@0.2.10' {
  export interface Descriptor {
    openAt(
      pathFlags: { symlinkFollow?: boolean },
      path: string,
      openFlags: object,
      flags: { read?: boolean },
    ): Descriptor;
    read(length: bigint, offset: bigint): [Uint8Array, boolean];
    [Symbol.dispose](): void;
  }
  export function getDirectories(): [Descriptor, string][];
}
