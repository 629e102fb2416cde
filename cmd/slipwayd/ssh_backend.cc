#include "cmd/slipwayd/ssh_backend.h"

#include <cstdlib>

#include <unistd.h>

#include "providers/transport/open_ssh_command_runner.h"
#include "providers/transport/ssh_command_runner.h"
#include "reconciler/base/strings.h"

namespace slipway::daemon {
namespace {

// The system's ssh, by its absolute path: a relative entry of PATH is nothing to run a program with keys from.
Result<std::string> findSsh() {
  const char* path = std::getenv("PATH");
  for (const std::string& directory : split(path == nullptr ? "/usr/local/bin:/usr/bin:/bin" : path, ':')) {
    const std::string program = directory + "/ssh";
    if (directory.starts_with("/") && ::access(program.c_str(), X_OK) == 0) {
      return program;
    }
  }
  return Status(Code::NotFound, "there is no program ssh in PATH: install the OpenSSH client");
}

}  // namespace

Result<SshTransport> chooseSsh(SshBackend backend, const SshMakers& makers, Logger& log) {
  const bool parallel = backend != SshBackend::Sequential;
  if (!parallel) {
    log.warn("Commands run on one server at a time: releases take longer, and servers switch one after another");
  }
  if (backend != SshBackend::OpenSsh) {
    Result<std::unique_ptr<CommandRunner>> runner = makers.libssh();
    if (runner) {
      return SshTransport{std::move(*runner), parallel};
    }
    if (backend == SshBackend::Libssh) {
      return runner.status().withContext("--ssh-backend libssh");
    }
    log.warn("libssh cannot be used: commands go through the ssh program", {{"error", runner.status().message()}});
  }
  Result<std::unique_ptr<CommandRunner>> runner = makers.openssh();
  if (!runner) {
    return runner.status().withContext(backend == SshBackend::OpenSsh ? "--ssh-backend openssh" : "no SSH transport");
  }
  return SshTransport{std::move(*runner), parallel};
}

Result<SshTransport> openSsh(const ServeOptions& options, Clock& clock, Metrics& metrics, Logger& log) {
  const SshMakers makers{
      .libssh = [&] { return transport::newSshCommandRunner(clock, metrics, log); },
      .openssh = [&]() -> Result<std::unique_ptr<CommandRunner>> {
        const Result<std::string> program = findSsh();
        SLIPWAY_RETURN_IF_ERROR(program.status());
        log.info("commands go through the ssh program", {{"program", *program}});
        return transport::newOpenSshCommandRunner({*program, cat(options.dataDir, "/ssh")}, clock, metrics, log);
      }};
  Result<SshTransport> made = chooseSsh(options.sshBackend, makers, log);
  metrics.set("slipway_ssh_parallel", {}, made && made->parallel ? 1 : 0);
  return made;
}

}  // namespace slipway::daemon
