// Evaluates requests against resource policies. Reads an array of requests as JSON from standard input, and writes an
// array of booleans: whether each request is allowed. The caller's own policies allow everything.
import { runSimulation } from "@cloud-copilot/iam-simulate";
import { text } from "node:stream/consumers";

const allowAll = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }] };
const answers = [];
for (const { policy, principal, action, resource, account, context } of JSON.parse(await text(process.stdin))) {
  const result = await runSimulation({
    request: { principal, action, resource: { resource, accountId: account }, contextVariables: context },
    identityPolicies: [{ name: "everything", policy: allowAll }],
    serviceControlPolicies: [],
    resourceControlPolicies: [],
    resourcePolicy: policy,
  }, {});
  if (result.overallResult === undefined || result.errors !== undefined) {
    throw new Error(JSON.stringify({ principal, action, policy, result }));
  }
  answers.push(result.overallResult === "Allowed");
}
console.log(JSON.stringify(answers));
