#include "cmd/slipway/commands.h"

#include <cstdio>
#include <filesystem>

#include <CLI/CLI.hpp>

namespace slipway::cli {
namespace {

constexpr const char* kDescription =
    "Slipway releases software on servers, all or nothing.\n"
    "Talks to the API server of your kubeconfig: slipwayd serve, or a Kubernetes cluster with Slipway's kinds.";
constexpr const char* kFooter =
    "Exit codes: 0 converged, 1 failed or rolled back, 2 bad input (nothing changed), 3 timed out while still "
    "progressing.\n"
    "Examples:\n"
    "  slipway lint release.yaml\n"
    "  slipway apply -f release.yaml --wait\n"
    "  slipway status shop -w\n"
    "  slipway rollback shop";

void addGlobalFlags(CLI::App& program, Context& context) {
  program.add_option("--kubeconfig", context.kube.path, "kubeconfig file (else KUBECONFIG, else ~/.kube/config)");
  program.add_option("--context", context.kube.context, "context of the kubeconfig");
  program.add_option("-n,--namespace", context.kube.ns, "namespace (else the context's, else default)");
  program.add_flag("--insecure-skip-tls-verify", context.kube.allowInsecure,
                   "accept a kubeconfig that does not verify the server");
}

}  // namespace

int run(int argc, char** argv) {
  const std::string name = argc > 0 ? std::filesystem::path(argv[0]).filename().string() : "slipway";
  const bool plugin = name == "kubectl-slipway";
  CLI::App program(kDescription, plugin ? "kubectl slipway" : "slipway");
  program.footer(kFooter);
  program.require_subcommand(1);
  program.fallthrough();
  program.set_help_all_flag("--help-all", "help of every command");
  Context context;
  addGlobalFlags(program, context);
  addObjectCommands(program, context);
  addReleaseCommands(program, context);
  addVerbCommands(program, context);
  addServerCommands(program, context);
  addOperationCommands(program, context);
  addOfflineCommands(program, context);
  try {
    program.parse(argc, argv);
  } catch (const CLI::RequiredError& error) {
    const auto verbs = program.get_subcommands();
    const bool isGroup = !verbs.empty() && verbs.front()->get_require_subcommand_min() > 0;
    if (const auto words = program.remaining(true); !words.empty() && (verbs.empty() || isGroup)) {
      const std::string group = isGroup ? verbs.front()->get_name() + " " : "";
      return context.badInput("there is no command \"" + group + words.front() + "\"; see slipway " + group + "--help");
    }
    if (argc < 2) {
      std::fputs(program.help().c_str(), stderr);
    } else {
      program.exit(error);
    }
    return kBadInput;
  } catch (const CLI::ParseError& error) {
    return program.exit(error) == 0 ? kConverged : kBadInput;
  }
  return context.action ? context.action() : kBadInput;
}

}  // namespace slipway::cli
