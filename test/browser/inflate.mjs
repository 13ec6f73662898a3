// Decompresses Chromium, its libraries and its fonts into the folder that is the argument. Usage: node inflate.mjs FOLDER
import { writeFileSync } from "node:fs";
import { join } from "node:path";

process.env.AWS_EXECUTION_ENV = "AWS_Lambda_nodejs24.x"; // include the libraries
const { default: chromium } = await import("@sparticuz/chromium");
await chromium.executablePath(); // into TMPDIR
const folder = process.argv[2];
writeFileSync(join(folder, "fonts.conf"), `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>${join(folder, "fonts")}</dir><cachedir>${join(folder, "cache")}</cachedir></fontconfig>
`);
