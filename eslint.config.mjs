import pulumi from "@pulumi/eslint-plugin";
import jest from "eslint-plugin-jest";
import tseslint from "typescript-eslint";

const providers = ["@pulumi/*", "@pulumiverse/*"];

export default tseslint.config(
  { ignores: ["dist/", "sdks/", "sandbox/", "node_modules/", "**/*.js", "**/*.mjs", "**/*.cjs"] },
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    plugins: { "@pulumi": pulumi },
    rules: {
      "@pulumi/no-output-in-template-literal": "error",
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      "no-restricted-imports": [
        "error",
        {
          patterns: [
            {
              group: ["@pulumi/openstack/*", "@pulumiverse/talos/*", "@pulumi/kubernetes/*"],
              message: "Import the package itself: its inner paths are not an interface.",
            },
          ],
        },
      ],
      "max-lines": ["error", { max: 400, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    files: ["lib/**/*.ts"],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          patterns: [
            { group: providers, message: "lib/ is pure: no Pulumi." },
            {
              regex: "^(\\.\\./)+(components|policies|runtime|cli|sandbox)",
              message: "Arrows only point down.",
            },
          ],
        },
      ],
    },
  },
  {
    files: ["test/**/*.ts"],
    ...jest.configs["flat/recommended"],
    rules: {
      ...jest.configs["flat/recommended"].rules,
      "jest/no-disabled-tests": "error",
      "jest/no-standalone-expect": [
        "error",
        { additionalTestBlockFunctions: ["beforeAll", "afterAll"] },
      ],
      "jest/expect-expect": ["error", { assertFunctionNames: ["expect*", "fc.assert"] }],
    },
  },
);
