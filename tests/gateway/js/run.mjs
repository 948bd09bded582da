// One ability of one client: `node run.mjs CLIENT ABILITY` with what to ask, as JSON, in the variable ASKED.
// It ends with 0 if all was as it should be; an error says what was not.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const modules = createRequire(pathToFileURL(process.env.BACKBAY_NODE_MODULES + "/"));
const load = (name) => import(pathToFileURL(modules.resolve(name)).href);
const asked = JSON.parse(process.env.ASKED);
const [client, ability] = process.argv.slice(2);
const { abilities } = await import(`./${client}.mjs`);

async function refused(kind, call) {
  try {
    await call();
  } catch (error) {
    assert.ok(error instanceof kind, `${error.constructor.name}: ${error.message}`);
    return error;
  }
  return assert.fail(`no ${kind.name} was raised`);
}

// Say that the client has left, and stay: the vendor must hear of it while this process lives.
async function left() {
  process.stdout.write("left\n");
  await new Promise((done) => setTimeout(done, 600));
}

await abilities(asked, { load, refused, left })[ability]();
