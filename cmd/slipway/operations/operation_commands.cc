#include <memory>

#include <CLI/CLI.hpp>

#include "cmd/slipway/commands.h"
#include "cmd/slipway/operations/operation_request.h"
#include "reconciler/base/strings.h"

namespace slipway::cli {
namespace {

struct Flags {
  OperationSpec spec;
  bool out = false;
  bool errors = false;
  bool back = false;
  std::string timeout;  // on one server
  std::string wait = "10m";
  std::string output = "text";
};

int runOperation(Context& context, Flags flags) {
  const auto form = outputForm(flags.output);
  const auto wait = timeoutOf(flags.wait);
  const auto timeout = timeoutOf(flags.timeout.empty() ? "5m" : flags.timeout);
  if (!form || !wait || !timeout) {
    return context.fail(!form ? form.status() : !wait ? wait.status() : timeout.status());
  }
  if (*timeout <= Duration(0)) {
    return context.badInput("--timeout must be more than 0");
  }
  if (flags.spec.action == OperationAction::Fallback && flags.spec.fallBackTo.empty() != flags.back) {
    return context.badInput("say where to: --to FOLDER, or --return");
  }
  flags.spec.timeout = *timeout;
  flags.spec.stream = flags.out ? LogStream::Out : flags.errors ? LogStream::Error : LogStream::Combined;
  if (flags.spec.release.empty() && flags.spec.servers.empty()) {
    return context.badInput("name a release, or machines with --server");
  }
  return operate(context, {flags.spec, *wait, *form});
}

CLI::App* add(CLI::App& group, Context& context, const std::string& name, const std::string& help,
              const std::shared_ptr<Flags>& flags) {
  CLI::App* command = group.add_subcommand(name, help);
  auto* release = command->add_option("release", flags->spec.release, "name of the release");
  if (flags->spec.action != OperationAction::System) {
    release->required();
  }
  command->add_option("--server", flags->spec.servers, "only these servers, separated by commas")
      ->delimiter(',')
      ->allow_extra_args(false);
  command->add_option("--timeout", flags->timeout, "for one server, for example 30s (else 5m)");
  command->add_option("--wait", flags->wait, "how long to wait for the end (else 10m; 0: as long as it takes)");
  command->add_option("-o,--output", flags->output, "text, json, yaml");
  command->callback(
      [&context, flags] { context.action = [&context, flags] { return runOperation(context, *flags); }; });
  return command;
}

std::shared_ptr<Flags> flagsOf(OperationAction action) {
  auto flags = std::make_shared<Flags>();
  flags->spec.action = action;
  return flags;
}

void addProcess(CLI::App& program, Context& context) {
  CLI::App* group = program.add_subcommand("process", "the processes of a release: status, logs, restart, stop, start");
  group->require_subcommand(1);
  add(*group, context, "status", "what runs on each server, of which release, since when, with how much memory",
      flagsOf(OperationAction::Processes))
      ->footer("Examples:\n  slipway process status shop\n  slipway process status shop --server web1 -o json");

  const auto logs = flagsOf(OperationAction::Logs);
  CLI::App* command = add(*group, context, "logs", "the application's own log, as its process manager keeps it", logs);
  command->add_option("-l,--lines", logs->spec.lines, "the last so many lines")->check(CLI::Range(0, 5000));
  command->add_flag("-f,--follow", logs->spec.follow, "go on with what comes, until --timeout or Ctrl-C");
  auto* out = command->add_flag("--out", logs->out, "only what it prints as output");
  command->add_flag("--err", logs->errors, "only what it prints as errors")->excludes(out);
  command->footer("Examples:\n  slipway process logs shop\n  slipway process logs shop -f --timeout 1h --err");

  const auto atOnce = "on all servers at once; else one after another, and no more after one that fails";
  for (const auto& [name, action, help] :
       {std::tuple("restart", OperationAction::Restart, "start the processes anew, one server after another"),
        std::tuple("reload", OperationAction::Reload, "have the processes reload, one server after another")}) {
    const auto flags = flagsOf(action);
    command = add(*group, context, name, help, flags);
    command->add_flag("--all-at-once", flags->spec.allAtOnce, atOnce);
    command->footer(cat("Examples:\n  slipway process ", name, " shop\n  slipway process ", name,
                        " shop --server web1\n  slipway process ", name, " shop --all-at-once"));
  }
  add(*group, context, "stop", "stop all processes of a release at once; it stays stopped until start or another run",
      flagsOf(OperationAction::Stop))
      ->footer("Example:\n  slipway process stop shop");
  add(*group, context, "start", "start the processes of a release that was stopped", flagsOf(OperationAction::Start))
      ->footer("Example:\n  slipway process start shop");
}

}  // namespace

void addOperationCommands(CLI::App& program, Context& context) {
  addProcess(program, context);
  add(program, context, "system",
      "disk, memory, load, ports of a release's servers or of machines, and what releases take of it",
      flagsOf(OperationAction::System))
      ->footer("Examples:\n  slipway system shop\n  slipway system --server web1,web2");

  const auto permissions = flagsOf(OperationAction::Permissions);
  CLI::App* command =
      add(program, context, "permissions", "modes of a release's files that are not as they should be", permissions);
  command->add_flag("--fix", permissions->spec.fix, "put them right");
  command->footer(
      "Exit code 1 when there are deviations that were not put right.\n"
      "Examples:\n  slipway permissions shop\n  slipway permissions shop --fix");

  const auto fallback = flagsOf(OperationAction::Fallback);
  command = add(program, context, "fallback", "point a release's servers at a folder that was there before, or back",
                fallback);
  auto* to = command->add_option("--to", fallback->spec.fallBackTo, "the folder on each server, absolute or below ~/");
  command->add_flag("--return", fallback->back, "back to the release that was live before")->excludes(to);
  command->footer(
      "Stops the processes, has current name the folder, and starts them; the release becomes previous.\n"
      "Examples:\n  slipway fallback shop --to /var/www/shop-old\n  slipway fallback shop --return");

  const auto cleanup = flagsOf(OperationAction::Cleanup);
  command = add(program, context, "cleanup", "remove old releases now, as after a run", cleanup);
  command->add_flag("--emergency", cleanup->spec.emergency,
                    "keep only what current and previous name, and empty the application's logs");
  command->footer(
      "Never removes what current, previous or a slot names.\n"
      "Examples:\n  slipway cleanup shop\n  slipway cleanup shop --server web1 --emergency");
}

}  // namespace slipway::cli
