// CTRF: every report by the reference implementation, with its schema and its own summary of the tests.
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const ctrf = createRequire(join(process.argv[3], "package.json"))("ctrf");
const found = {};
for (const split of readdirSync(join(process.argv[2], "reports"))) {
  for (const name of readdirSync(join(process.argv[2], "reports", split))) {
    const report = ctrf.parse(readFileSync(join(process.argv[2], "reports", split, name), "utf8"), { validate: true });
    ctrf.validateStrict(report);
    const { tests, passed, failed, skipped } = ctrf.calculateSummary(report.results.tests);
    const said = report.results.summary;
    if (said.tests !== tests || said.passed !== passed || said.failed !== failed || said.skipped !== skipped) {
      throw new Error(`${name}: its totals are not those of its tests`);
    }
    found[name] = [tests, passed, failed, skipped];
  }
}
process.stdout.write(JSON.stringify(found));
