// Reads the steps and the features that .vscode/settings.json names as the Cucumber extension does, and fails when it
// does not understand a step of ours, or completes none. Called by editor.sh.
import { createRequire } from "node:module";
import fs from "node:fs";
import path from "node:path";

const require = createRequire(import.meta.url);
const service = require("@cucumber/language-service");
const { WasmParserAdapter } = require("@cucumber/language-service/wasm");

const root = process.argv[2];
const settings = JSON.parse(fs.readFileSync(path.join(root, ".vscode/settings.json"), "utf8"));

// The files of a pattern: a folder, `/**/`, and a name.
function files([pattern]) {
  const [folder, name] = pattern.split("/**/");
  const all = fs.readdirSync(path.join(root, folder), { recursive: true });
  return all.filter((file) => file.endsWith(path.extname(name))).map((file) => path.join(root, folder, file));
}

const text = (file) => fs.readFileSync(file, "utf8");
const library = path.resolve(path.dirname(require.resolve("@cucumber/language-service")), "../../..");
const adapter = new WasmParserAdapter(path.join(library, "dist"));
await adapter.init();
const glue = files(settings["cucumber.glue"]).map((file) => {
  return { languageName: "rust", content: text(file), uri: `file://${file}` };
});
const { expressionLinks, errors, registry } = new service.ExpressionBuilder(adapter).build(glue, []);
const expressions = expressionLinks.map((link) => link.expression);

const features = files(settings["cucumber.features"]);
const unknown = features.flatMap((file) => {
  const problems = service.getGherkinDiagnostics(text(file), expressions);
  return problems.map((problem) => `${path.relative(root, file)}:${problem.range.start.line + 1}: ${problem.message}`);
});

const written = /^\s*(?:Given|When|Then|And|But)\s+(.*)$/gm;
const steps = features.flatMap((file) => [...text(file).matchAll(written)].map((match) => match[1]));
const index = service.jsSearchIndex(service.buildSuggestions(registry, steps, expressions));
const begun = "Feature: F\n  Scenario: S\n    Given a farm\n";
const completed = service.getGherkinCompletionItems(begun, { line: 2, character: 16 }, index);

console.log(`${expressions.length} steps in ${glue.length} files, ${features.length} features,`);
console.log(`${unknown.length} unknown steps, ${completed.length} completions of "a farm"`);
const problems = [...errors.map((error) => error.message), ...unknown];
problems.forEach((problem) => console.error(problem));
process.exitCode = problems.length > 0 || expressions.length === 0 || completed.length === 0 ? 1 : 0;
