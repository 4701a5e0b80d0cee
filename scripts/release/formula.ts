import type { Project } from "./project.ts";
import type { Target } from "./targets.ts";

/** A finished archive, as users will download it. */
export interface Archive {
  readonly target: Target;
  readonly file: string;
  readonly sha256: string;
}

/** Renders the Homebrew formula `cache-proxy.rb` for the archives of macOS and glibc Linux. */
export function formula(project: Project, archives: readonly Archive[]): string {
  return `class CacheProxy < Formula
  desc ${string(project.summary)}
  homepage ${string(project.homepage)}
  version ${string(project.version)}
  license ${string(project.license)}

${[onSystem("macos", project, archives), onSystem("linux", project, archives)].filter(Boolean).join("\n")}
  def install
    bin.install "cache-proxy"
    man1.install "man/cache-proxy.1"
    bash_completion.install "completions/cache-proxy.bash" => "cache-proxy"
    zsh_completion.install "completions/_cache-proxy"
    fish_completion.install "completions/cache-proxy.fish"
  end

  service do
    run opt_bin/"cache-proxy"
    keep_alive crashed: true
    error_log_path var/"log/cache-proxy.log"
  end

  test do
    assert_equal version.to_s, shell_output("#{bin}/cache-proxy --version").strip
    port = free_port
    pid = spawn bin/"cache-proxy", "--port", port.to_s, "--upstream", "http://127.0.0.1:#{free_port}"
    begin
      page = "http://127.0.0.1:#{port}/cache-proxy/"
      assert_match "cache-proxy", shell_output("curl -sf --retry 5 --retry-connrefused #{page}")
    ensure
      Process.kill "TERM", pid
      Process.wait pid
    end
  end
end
`;
}

/** Says where a formula names another version than the release, or a download that is not one of its archives. */
export function formulaFaults(text: string, project: Project, archives: readonly Archive[]): string[] {
  const version = /^ {2}version "(.*)"$/m.exec(text)?.[1];
  const found = [...text.matchAll(/^ +url "(.*)"\n +sha256 "(.*)"$/gm)].map(
    ([, url, sum]) => `${url} ${sum}`,
  );
  const wanted = archives
    .filter(isBrewed)
    .map(({ file, sha256 }) => `${project.downloads}/${file} ${sha256}`);
  return [
    ...(version === project.version ? [] : [`the formula says ${version}, package.json ${project.version}`]),
    ...found.filter((line) => !wanted.includes(line)).map((line) => `the formula has ${line}`),
    ...wanted.filter((line) => !found.includes(line)).map((line) => `the formula lacks ${line}`),
  ];
}

// --- internal ---

/** Homebrew knows macOS and Linux, and brings a glibc where there is none. */
function isBrewed({ target }: Archive): boolean {
  return target.os === "macos" || target.libc === "glibc";
}

const BREW_ARCH = { arm64: "on_arm", x64: "on_intel" } as const;

function onSystem(os: Target["os"], project: Project, archives: readonly Archive[]): string {
  // Homebrew puts on_arm before on_intel.
  const blocks = archives
    .filter((archive) => isBrewed(archive) && archive.target.os === os)
    .sort((a, b) => (a.target.arch < b.target.arch ? -1 : 1));
  if (blocks.length === 0) return "";
  return `  on_${os} do\n${blocks.map((archive) => onArch(project, archive)).join("")}  end\n`;
}

function onArch(project: Project, { target, file, sha256 }: Archive): string {
  return `    ${BREW_ARCH[target.arch]} do
      url ${string(`${project.downloads}/${file}`)}
      sha256 ${string(sha256)}
    end
`;
}

/** A Ruby string; \`#{\` would be run, so it is not let through unescaped. */
function string(text: string): string {
  return JSON.stringify(text).replaceAll("#", "\\#");
}
