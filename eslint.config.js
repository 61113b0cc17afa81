import tseslint from "typescript-eslint";

/** What one file may import, as the start of a regular expression; everything else is an error with this message. */
function importsOnly(files, allowed, message) {
  const regex = `^(?!${allowed.join("|")})`;
  return { files, rules: { "no-restricted-imports": ["error", { patterns: [{ regex, message }] }] } };
}

/** A folder of src/ with one neighbour outside: it knows itself, the rules, and the libraries that speak to that neighbour. */
function room(folder, libraries) {
  const packages = `(${["node:.*", ...libraries].join("|")})$`;
  const message = `src/${folder} imports itself, the rules and its own libraries; only src/services.ts knows every room`;
  return [0, 1].map((below) => {
    const toSrc = "\\.\\./".repeat(folder.split("/").length + below);
    const itself = below === 0 ? "\\./(?!\\.)" : "\\.\\.?/(?!\\.)";
    const files = [`src/${folder}/${"*/".repeat(below)}*.ts`];
    return importsOnly(files, [itself, `${toSrc}domain/`, packages], message);
  });
}

export default tseslint.config(
  { ignores: ["dist/", "coverage/", ".data/", "**/node_modules/"] },
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      "@typescript-eslint/no-confusing-void-expression": [
        "error",
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports" }],
      // An inline `type` leaves an empty import behind, which loads the module for nothing.
      "@typescript-eslint/no-import-type-side-effects": "error",
    },
  },
  {
    // EntitySchema's own options are declared as a class; object literals are the documented way to give them.
    files: ["src/database/schema.ts"],
    rules: { "@typescript-eslint/no-unsafe-class-instance-assignment": "off" },
  },
  {
    // node:test's describe and it return promises that the runner itself awaits
    files: ["test/**/*.ts", "sandbox/test/**/*.ts"],
    rules: { "@typescript-eslint/no-floating-promises": "off", "@typescript-eslint/no-non-null-assertion": "off" },
  },
  {
    // What needs a type only does not load the module that declares it: commands start sooner.
    files: ["test/kit/**/*.ts", "scripts/**/*.ts"],
    rules: { "@typescript-eslint/no-import-type-side-effects": "error" },
  },

  importsOnly(
    ["src/domain/**/*.ts"],
    ["node:crypto$", "\\./(?!\\.)"],
    "the rules import only themselves and node:crypto",
  ),
  // Besides: the English sentences, for the type of their names.
  room("http", [
    "@koa/.*|koa|koa-.*|keygrip|helmet|nunjucks|intl-messageformat|bowser|qrcode|prom-client",
    "\\.\\./\\.\\./views/text/en\\.json",
  ]),
  room("database", ["typeorm(/.*)?", "pg", "better-sqlite3"]),
  room("redis", ["ioredis", "rate-limiter-flexible", "zod"]),
  room("queue", ["bullmq", "ioredis"]),
  // Besides: the English sentences, for the type of their names.
  room("mail", ["nodemailer(/.*)?", "nunjucks", "\\.\\./\\.\\./views/text/en\\.json"]),
  room("traces", []),
  room("passwords", ["@node-rs/argon2", "@node-rs/bcrypt", "@zxcvbn-ts/language-common"]),
  // A provider has routes of its own, which bring a signature and no cookie: koa, and nothing of src/http.
  room("providers/*", [
    "@simplewebauthn/server",
    "got",
    "http_ece",
    "jsonwebtoken",
    "otpauth",
    "zod",
    "koa",
    "@koa/router",
    "raw-body",
  ]),
  // The only folder that imports oidc-provider, which is a koa application of its own.
  room("oidc", ["oidc-provider", "koa", "koa-mount", "@koa/router", "keygrip", "jsonwebtoken", "got", "raw-body"]),
  importsOnly(
    ["src/config.ts", "src/settings.ts"],
    [
      "node:",
      "zod$",
      "\\./settings\\.js$",
      "\\./(database|redis|mail)/address\\.js$",
      "\\./domain/(factor|language)\\.js$",
    ],
    "the settings know the types of factors, the languages, and how addresses of a database, of Redis and of a mail server are written",
  ),
  importsOnly(
    ["src/server.ts"],
    ["\\./http/", "\\./[\\w-]+\\.js$"],
    "the web process knows the pages, and every other room through src/services.ts",
  ),
  importsOnly(["src/stop-on-signals.ts", "src/console-to-log.ts"], ["\\./domain/"], "for every process: knows no room"),
  importsOnly(
    ["workers/*.ts"],
    [
      "node:",
      "bullmq$",
      "prom-client$",
      "\\./",
      "\\.\\./src/(domain|queue|redis|database)/",
      "\\.\\./src/[\\w-]+\\.js$",
    ],
    "the worker process knows neither pages nor a provider",
  ),
  importsOnly(["views/assets/*.js"], ["\\./"], "a module of the pages imports its neighbours: it runs in browsers"),
  importsOnly(
    ["src/services.ts", "scripts/admin.ts", "scripts/migrate.ts"],
    ["(?!(\\.\\./)+(sandbox|test)/)"],
    "the product knows nothing of its tests and of the sandbox",
  ),
  importsOnly(
    ["sandbox/**/*.ts"],
    ["(?!(\\.\\./)+(src|workers|scripts)/)"],
    "the sandbox stands for somebody else's program and shares no code with this one",
  ),
);
