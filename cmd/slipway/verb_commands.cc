#include <memory>

#include <CLI/CLI.hpp>

#include "cmd/slipway/commands.h"
#include "cmd/slipway/deploy.h"

namespace slipway::cli {
namespace {

struct VerbFlags {
  VerbRequest request;
  std::string timeout = "60s";
};

int runVerb(Context& context, const VerbFlags& flags) {
  const auto timeout = timeoutOf(flags.timeout);
  if (!timeout) {
    return context.fail(timeout.status());
  }
  VerbRequest request = flags.request;
  request.timeout = *timeout;
  return requestVerb(context, request);
}

CLI::App* addVerb(CLI::App& program, Context& context, const std::string& verb, const std::string& help) {
  auto flags = std::make_shared<VerbFlags>();
  flags->request.verb = verb;
  CLI::App* command = program.add_subcommand(verb, help);
  command->add_option("release", flags->request.release, "name of the release")->required();
  if (verb == "rollback") {
    command->add_option("version,--to", flags->request.value, "else the last good version before the one that runs");
  }
  command->add_flag("--no-wait{false}", flags->request.wait, "do not wait for the controller's answer");
  if (verb != "pause") {
    command->add_flag("-w,--wait", flags->request.follow, "show the run's progress to its end");
  }
  command->add_option("--timeout", flags->timeout, "how long to wait for the controller's answer");
  command->callback([&context, flags] { context.action = [&context, flags] { return runVerb(context, *flags); }; });
  return command;
}

void addPromote(CLI::App& program, Context& context) {
  auto flags = std::make_shared<VerbFlags>();
  flags->request.verb = "promote";
  CLI::App* command = program.add_subcommand(
      "promote",
      "let a blue-green or canary release go on to its next step, or any release past a hook that it asks about");
  command->add_option("release", flags->request.release, "name of the release")->required();
  command->add_flag_callback(
      "--full", [flags] { flags->request.verb = "promote-full"; },
      "leave out the steps that are left; checks are kept");
  command->add_flag("--no-wait{false}", flags->request.wait, "do not wait for the controller's answer");
  command->add_flag("-w,--wait", flags->request.follow, "show the run's progress to its end");
  command->add_option("--timeout", flags->timeout, "how long to wait for the controller's answer");
  command->footer("Examples:\n  slipway promote shop\n  slipway promote shop --full --wait");
  command->callback([&context, flags] { context.action = [&context, flags] { return runVerb(context, *flags); }; });
}

struct DeployFlags {
  DeployRequest request;
  DeployOptions options;
  std::string timeout = "0";
};

int runDeploy(Context& context, DeployFlags flags) {
  const auto timeout = timeoutOf(flags.timeout);
  if (!timeout) {
    return context.fail(timeout.status());
  }
  flags.options.timeout = *timeout;
  return deploy(context, flags.request, flags.options);
}

}  // namespace

void addVerbCommands(CLI::App& program, Context& context) {
  auto flags = std::make_shared<DeployFlags>();
  CLI::App* command = program.add_subcommand("deploy", "change what a release asks for, and follow it");
  command->add_option("release", flags->request.release, "name of the release")->required();
  command->add_option("--version", flags->request.version, "the version, one id for all servers");
  command->add_option("--servers", flags->request.servers, "only these servers, separated by commas")->delimiter(',');
  command->add_option("--group", flags->request.groups, "a destination's name, or servers with the label KEY=VALUE");
  command->add_option("--repo", flags->request.repository, "git repository");
  command->add_option("--branch", flags->request.branch, "git branch");
  command->add_option("--tag", flags->request.tag, "git tag");
  command->add_option("--commit", flags->request.commit, "git commit, 40 digits");
  command->add_flag("-y,--yes", flags->options.yes, "ask nothing");
  command->add_flag("--no-wait{false}", flags->options.wait, "do not follow the release");
  command->add_option("--timeout", flags->timeout, "give up following after, for example 10m (0: never)");
  command->footer(
      "Prints the command that does the same without a question.\n"
      "Examples:\n  slipway deploy shop --version 1.4.2\n  slipway deploy shop --tag v1.4.2 --servers web1,web2 --yes\n"
      "  slipway deploy shop --group production --branch main --yes");
  command->callback([&context, flags] { context.action = [&context, flags] { return runDeploy(context, *flags); }; });

  addVerb(program, context, "retry", "try a failed release again; what was built is kept")
      ->footer("Example:\n  slipway retry shop --wait");
  addVerb(program, context, "rollback", "go back to the previous or a named version")
      ->footer("Examples:\n  slipway rollback shop\n  slipway rollback shop 1.4.1 --wait");
  addVerb(program, context, "abort", "stop the run that goes on and undo what it switched")
      ->footer("Examples:\n  slipway abort shop\n  slipway abort shop --wait");
  addPromote(program, context);
  addVerb(program, context, "pause", "hold the run that goes on after what is under way")
      ->footer("Example:\n  slipway pause shop");
  addVerb(program, context, "resume", "let a paused run go on")->footer("Example:\n  slipway resume shop --wait");
}

}  // namespace slipway::cli
