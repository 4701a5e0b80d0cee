import type { Project } from "./project.ts";
import type { Target } from "./targets.ts";

/** A finished archive. */
export interface Archive {
  readonly target: Target;
  readonly file: string;
  readonly sha256: string;
}

/**
 * Renders the Homebrew formula `cache-proxy.rb` for the macOS and glibc Linux archives. The macOS archive is the
 * formula's default: without a URL, Homebrew on an Intel Mac would not get as far as saying that it needs arm64.
 */
export function formula(project: Project, archives: readonly Archive[]): string {
  const macos = archives.find(({ target }) => target.os === "macos");
  return `class CacheProxy < Formula
  desc ${string(project.summary)}
  homepage ${string(project.homepage)}
${macos ? `  url ${url(project, macos)}\n` : ""}  version ${string(project.version)}
${macos ? `  sha256 ${string(macos.sha256)}\n` : ""}  license ${string(project.license)}

  on_macos do
    depends_on arch: :arm64
  end

${onLinux(project, archives)}  def install
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

/** Lists where a formula names a version other than the release's, or archives other than the release's. */
export function formulaFaults(text: string, project: Project, archives: readonly Archive[]): string[] {
  const version = /^ {2}version "(.*)"$/m.exec(text)?.[1];
  const found = [...text.matchAll(/^ +url "(.*)"\n(?: +version .*\n)? +sha256 "(.*)"$/gm)].map(
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

/** Homebrew supports macOS and Linux, and installs glibc where it is missing. */
function isBrewed({ target }: Archive): boolean {
  return target.os === "macos" || target.libc === "glibc";
}

const BREW_ARCH = { arm64: "on_arm", x64: "on_intel" } as const;

function onLinux(project: Project, archives: readonly Archive[]): string {
  // `brew style` wants on_arm before on_intel.
  const blocks = archives
    .filter((archive) => isBrewed(archive) && archive.target.os === "linux")
    .sort((a, b) => (a.target.arch < b.target.arch ? -1 : 1));
  if (blocks.length === 0) return "";
  return `  on_linux do\n${blocks.map((archive) => onArch(project, archive)).join("")}  end\n\n`;
}

function onArch(project: Project, archive: Archive): string {
  return `    ${BREW_ARCH[archive.target.arch]} do
      url ${url(project, archive)}
      sha256 ${string(archive.sha256)}
    end
`;
}

function url(project: Project, { file }: Archive): string {
  return string(`${project.downloads}/${file}`);
}

/** A Ruby string literal. Ruby evaluates an unescaped `#{…}`. */
function string(text: string): string {
  return JSON.stringify(text).replaceAll("#", "\\#");
}
