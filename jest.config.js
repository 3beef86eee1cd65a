/** @type {import("jest").Config} */
const shared = {
  testEnvironment: "node",
  restoreMocks: true,
  // Generated packages are found as packages, not by the names in their many package.json.
  // Examples import the package by its name, as users do.
  moduleNameMapper: { "^pulumi-talos-openstack$": "<rootDir>/components" },
  modulePathIgnorePatterns: ["<rootDir>/dist/", "<rootDir>/sdks/"],
  transform: {
    "^.+\\.ts$": [
      "@swc/jest",
      {
        jsc: { parser: { syntax: "typescript" }, target: "es2022" },
        module: { type: "commonjs" },
      },
    ],
  },
};

module.exports = {
  projects: [
    {
      ...shared,
      displayName: "unit",
      testMatch: ["<rootDir>/test/**/*.test.ts"],
      testPathIgnorePatterns: ["/node_modules/", "<rootDir>/test/e2e/"],
      setupFilesAfterEnv: ["<rootDir>/test/support/setup.js"],
    },
    {
      ...shared,
      displayName: "e2e",
      testMatch: ["<rootDir>/test/e2e/**/*.test.ts"],
      setupFilesAfterEnv: ["<rootDir>/test/e2e/support/setup.js"],
    },
  ],
};
