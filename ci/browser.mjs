// Opens a report in Chromium and uses it: filters, keys, hovering, messages, links. Fails at the first thing that does not
// do what it should, or when the page runs a script of others or asks the network for anything. Called by browser.sh.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const { chromium } = createRequire(import.meta.url)("playwright-core");
const [program, report] = process.argv.slice(2);
const quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const browser = await chromium.launch({ executablePath: program, args: quiet });
const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
page.setDefaultTimeout(5_000);
const errors = [];
const foreign = [];
page.on("pageerror", (error) => errors.push(String(error)));
page.on("request", (request) => request.url().startsWith("file:") || foreign.push(request.url()));
const url = `file://${report}`;
const rows = () => page.locator("#list tbody tr:visible").count();
const count = (what) => page.locator(`#scenario ${what}`).count();
const free = () => page.evaluate(() => document.activeElement.blur());

await page.goto(url);
const loaded = await page.evaluate(() => performance.getEntriesByType("navigation")[0].loadEventEnd);
const all = await rows();
console.log(`${all} scenarios, loaded after ${Math.round(loaded)} ms`);
assert(all > 400);

// Filters: by text, verdict, requirement; nothing found says so, and leads back.
await page.fill("#text", "full line");
assert((await rows()) < all && (await rows()) > 0);
await page.fill("#text", "no scenario is called so");
assert.equal(await rows(), 0);
await page.click("#reset");
assert.equal(await rows(), all);
await page.selectOption("#verdict", "FAIL");
const failed = await rows();
assert(failed > 0 && failed < all);
await page.selectOption("#verdict", "");
await page.selectOption("#requirement", "PA-17");
assert.equal(await rows(), 1);
await page.selectOption("#requirement", "");

// Keys: down the list, into a scenario, on to the next, back.
await page.selectOption("#verdict", "FAIL");
await free();
await page.keyboard.press("j");
await page.keyboard.press("Enter");
await page.waitForFunction(() => !document.querySelector("#scenario").hidden);
const first = await page.locator("#scenario h2").textContent();
if (failed > 1) {
  await free();
  await page.keyboard.press("j");
  await page.waitForFunction((was) => document.querySelector("#scenario h2").textContent !== was, first);
  await page.keyboard.press("k");
}

// A step lights its packets, a packet its step; a message opens and closes; a packet has an address.
assert((await count(".finding")) > 0);
await page.locator("#scenario .stp[data-step]").last().hover();
assert((await count(".m.lit")) > 0);
await page.locator("#scenario .m").first().hover();
assert((await count(".m.lit")) === 1);
await page.locator("#scenario .m").first().click();
assert(await page.locator("#message").isVisible());
assert.match(await page.evaluate(() => location.hash), /^#\d+\/\d+$/);
await free();
await page.keyboard.press("Escape");
assert(!(await page.locator("#message").isVisible()));
await page.keyboard.press("Escape");
await page.locator("#overview").waitFor();

// The other lists, and both colours and paper.
for (const tab of ["coverage", "phones", "times"]) {
  await page.click(`.tabs a[data-tab=${tab}]`);
  await page.locator(`[data-view=${tab}]`).waitFor();
}
for (const media of [{ colorScheme: "dark" }, { colorScheme: "light" }, { media: "print" }]) {
  await page.emulateMedia(media);
  assert(await page.locator("h1").first().isVisible());
}
await page.emulateMedia({ media: "screen" });

// What the names of a feature and the network say is text, in the list and in the scenario's own page.
await page.goto(url);
await page.fill("#text", "window.hostile");
assert.equal(await rows(), 1);
await page.click("#list tbody tr:visible a");
await page.waitForFunction(() => !document.querySelector("#scenario").hidden);
for (const message of await page.locator("#scenario .m").all()) await message.click({ force: true });
assert.equal(await page.evaluate(() => window.hostile), undefined, "a script of others ran");
assert.deepEqual(errors, []);
assert.deepEqual(foreign, [], "the page asks nobody for anything");
await browser.close();
console.log("the report works");
