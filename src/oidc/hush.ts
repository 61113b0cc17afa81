const { warn } = console;

// The library says at its import that it wants Node.js 22. It runs the same on 20.19, which its tests here show
// (docs/decisions/018-openid-connect.md), and a process of ours writes JSON lines only.
console.warn = () => undefined;

/** The console warns again. */
export function speakAgain(): void {
  console.warn = warn;
}
