// What is taken for a key, and what is not.
// Does not prove: that every kind of key is known.
import { noKeyMaterial } from "../../../lib/rules/no-key-material";

const judge = (text: string) =>
  noKeyMaterial({ subject: "server", texts: [{ path: "metadata.note", text }] });

const pem = (kind: string) => `-----BEGIN ${kind}-----\nMHcCAQEEIBkg\n-----END ${kind}-----\n`;
const base64 = (text: string) => Buffer.from(text).toString("base64");

test.each([
  ["a private key (PEM)", pem("PRIVATE KEY")],
  ["a private key (PEM)", pem("RSA PRIVATE KEY")],
  ["a private key (PEM)", pem("ED25519 PRIVATE KEY")],
  ["a private key (PEM in base64)", `key: ${base64(pem("EC PRIVATE KEY"))}`],
  ["a bootstrap token", "token: abcdef.0123456789abcdef"],
  ["an age key", `AGE-SECRET-KEY-1${"Q".repeat(58)}`],
  [
    "a token (JWT)",
    `${base64('{"alg":"RS256"}')}.${base64('{"sub":"a"}').replace(/=/g, "")}.c2lnbmF0dXJl`,
  ],
])("%s", (what, text) => {
  const [problem, ...others] = judge(text);
  expect(others).toEqual([]);
  expect(problem?.found).toMatch(
    new RegExp(`^${what.replace(/[()]/g, "\\$&")}, sha256:[0-9a-f]{12}$`),
  );
  expect(JSON.stringify(problem)).not.toContain(text.slice(0, 40));
});

test.each([
  ["a certificate", pem("CERTIFICATE")],
  ["a certificate in base64", base64(pem("CERTIFICATE"))],
  ["a public key", pem("PUBLIC KEY")],
  ["a digest", "a".repeat(64)],
  ["a version", "1.13.9"],
  ["a host name", "images.example.com"],
  ["an ID", "11111111-2222-3333-4444-555555555555"],
  ["nothing", ""],
])("not %s", (_, text) => {
  expect(judge(text)).toEqual([]);
});
