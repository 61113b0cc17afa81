// Loaded into each server that is measured, before its own code: tells over IPC what the process has used so far.
process.on("message", (/** @type {unknown} */ question) => {
  const { user, system } = process.cpuUsage();
  // Twice: what the first collection has let go of may have held on to more.
  if (question === "heap") for (let at = 0; at < 2; at += 1) globalThis.gc?.();
  process.send?.({ cpuUs: user + system, heapBytes: process.memoryUsage().heapUsed });
});
process.channel?.unref();
