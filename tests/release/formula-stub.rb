# Loads a Homebrew formula with a substitute for Homebrew's DSL, as on a given system and processor. Anything that the
# substitute does not have raises NoMethodError. Prints the formula's values as JSON. Given the archives, it also installs
# the formula and runs its test.
#
#   ruby formula-stub.rb FORMULA macos|linux arm|intel [FOLDER-OF-ARCHIVES PREFIX]

require "digest"
require "fileutils"
require "json"
require "pathname"
require "socket"
require "tmpdir"

FORMULA, SYSTEM, ARCH, ARCHIVES, PREFIX = ARGV

# See Homebrew's Library/Homebrew/extend/pathname.rb.
class Pathname
  alias to_str to_s

  def install(source)
    source, name = source.is_a?(Hash) ? source.first : [source, File.basename(source)]
    raise Errno::ENOENT, source unless File.exist?(source)

    mkpath
    FileUtils.mv source, join(name)
  end
end

# The paths that formulae and their service blocks use.
module Paths
  PREFIX_PATH = Pathname(PREFIX || "/home/linuxbrew/.linuxbrew")

  def bin = PREFIX_PATH/"bin"
  def man1 = PREFIX_PATH/"share/man/man1"
  def var = PREFIX_PATH/"var"
  def opt_bin = PREFIX_PATH/"opt/cache-proxy/bin"
  def bash_completion = PREFIX_PATH/"etc/bash_completion.d"
  def zsh_completion = PREFIX_PATH/"share/zsh/site-functions"
  def fish_completion = PREFIX_PATH/"share/fish/vendor_completions.d"
end

class Service
  include Paths

  attr_reader :said

  def initialize(&block)
    @said = {}
    instance_eval(&block)
  end

  %i[run keep_alive error_log_path].each { |name| define_method(name) { |value| @said[name] = value } }
end

class Formula
  include Paths

  class << self
    attr_reader :said, :tests

    def inherited(formula)
      super
      formula.instance_variable_set(:@said, {})
      Formula.instance_variable_set(:@loaded, formula)
    end

    def loaded = @loaded

    # As in Homebrew, a value in an on_… block replaces the one outside of it.
    %i[desc homepage version license url sha256].each do |name|
      define_method(name) do |value|
        raise "#{name} is given twice" if @said.key?(name) && !@nested

        @said[name] = value
      end
    end

    def depends_on(arch:) = @said[:arch] = arch

    { on_macos: "macos", on_linux: "linux", on_arm: "arm", on_intel: "intel" }.each do |name, system|
      define_method(name) do |&block|
        @nested = true
        block.call if [SYSTEM, ARCH].include?(system)
        @nested = false
      end
    end

    def service(&block) = @said[:service] = Service.new(&block).said
    def test(&block) = @tests = block
  end

  def version = self.class.said.fetch(:version)

  def shell_output(command, status = 0)
    output = `#{command}`
    raise "#{command} exited with #{$?.exitstatus}" unless $?.exitstatus == status

    output
  end

  def free_port
    server = TCPServer.new("127.0.0.1", 0)
    server.addr[1].tap { server.close }
  end

  def assert_equal(want, got) = want == got || raise("expected #{want.inspect}, got #{got.inspect}")
  def assert_match(want, got) = got.match?(want) || raise("expected #{want.inspect} in #{got.inspect}")
end

load FORMULA
formula = Formula.loaded
said = formula.said.dup

if ARCHIVES
  archive = File.join(ARCHIVES, File.basename(said.fetch(:url)))
  sum = Digest::SHA256.file(archive).hexdigest
  raise "#{archive} has SHA-256 #{sum}" unless sum == said.fetch(:sha256)

  Dir.mktmpdir do |folder|
    system "tar", "xzf", archive, "-C", folder, exception: true
    # Homebrew changes into an archive's only folder.
    Dir.chdir(Pathname(folder).children.first) { formula.new.install }
  end
  formula.new.instance_eval(&formula.tests)
  said[:installed] = Dir.glob("**/*", base: PREFIX).reject { |path| File.directory?(File.join(PREFIX, path)) }.sort
end

puts JSON.generate(said)
