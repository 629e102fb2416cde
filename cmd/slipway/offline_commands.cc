#include <functional>
#include <memory>

#include <CLI/CLI.hpp>

#include "cmd/slipway/advice.h"
#include "cmd/slipway/commands.h"
#include "cmd/slipway/manifests.h"
#include "cmd/slipway/plan_preview.h"
#include "cmd/slipway/strategies.h"
#include "reconciler/base/strings.h"
#include "reconciler/schema/yaml.h"

namespace slipway::cli {
namespace {

constexpr std::string_view kVersion = "0.1.0";

struct LintFlags {
  std::vector<std::string> files;
  std::string output = "text";
};

int lint(Context& context, const LintFlags& flags) {
  const auto form = outputForm(flags.output);
  const auto texts = readManifestTexts(flags.files);
  if (!form || !texts) {
    return context.fail(form ? texts.status() : form.status());
  }
  std::vector<schema::LintFinding> findings;
  std::vector<schema::LintFinding> advice;
  bool holdsObjects = false;
  for (const ManifestText& text : *texts) {
    const auto found = lintText(text);
    const auto documents = schema::parseYaml(text.text, {.positions = false});
    holdsObjects = holdsObjects || !documents || !documents->empty();
    findings.insert(findings.end(), found.begin(), found.end());
    const auto advised = adviseOn(text.file, text.text);
    advice.insert(advice.end(), advised.begin(), advised.end());
  }
  if (!holdsObjects) {
    return context.fail({Code::Invalid, "no objects in what was given"});
  }
  if (*form == OutputForm::Json || *form == OutputForm::Yaml) {
    Json list = Json::array();
    const auto add = [&list](const schema::LintFinding& finding, const char* severity) {
      list.push(Json::object({{"severity", severity},
                              {"file", finding.file},
                              {"line", static_cast<std::int64_t>(finding.line)},
                              {"field", finding.field},
                              {"message", finding.message}}));
    };
    for (const auto& finding : findings) {
      add(finding, "error");
    }
    for (const auto& finding : advice) {
      add(finding, "warning");
    }
    context.print(documentText(list, *form));
  } else {
    for (const auto& finding : findings) {
      context.print(describe(finding) + "\n");
    }
    for (schema::LintFinding finding : advice) {
      finding.message = "warning: " + finding.message;
      context.print(describe(finding) + "\n");
    }
  }
  return findings.empty() ? kConverged : kBadInput;
}

int version(Context& context, bool clientOnly) {
  context.print(cat("slipway ", kVersion, "\n"));
  if (clientOnly) {
    return kConverged;
  }
  auto api = context.client();
  if (!api) {
    context.note(cat("no API server: ", api.status().message()));
    return kConverged;
  }
  const auto answer = (*api)->call({.path = "/version"});
  if (!answer) {
    return context.fail(answer.status());
  }
  context.print(cat("API server ", answer->getString("gitVersion"), " at ", (*api)->config().host, " port ",
                    (*api)->config().port, "\n"));
  return kConverged;
}

void collectWords(const CLI::App& command, const std::string& name, std::vector<CommandWords>& out) {
  CommandWords words{name, command.get_description(), {}};
  for (const CLI::App* sub : command.get_subcommands([](const CLI::App*) { return true; })) {
    words.words.push_back(sub->get_name());
  }
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& flag : option->get_lnames()) {
      words.words.push_back("--" + flag);
    }
  }
  out.push_back(std::move(words));
  for (const CLI::App* sub : command.get_subcommands([](const CLI::App*) { return true; })) {
    collectWords(*sub, name.empty() ? sub->get_name() : name + " " + sub->get_name(), out);
  }
}

int completion(Context& context, const CLI::App& program, const std::string& shell) {
  std::vector<CommandWords> commands;
  collectWords(program, "", commands);
  const std::string script = completionScript(shell, "slipway", commands);
  if (script.empty()) {
    return context.badInput(cat("completion for \"", shell, "\" is not known: bash, zsh or fish"));
  }
  context.print(script);
  return kConverged;
}

void addStrategies(CLI::App& program, Context& context) {
  auto flags = std::make_shared<StrategiesOptions>();
  CLI::App* command =
      program.add_subcommand("strategies", "the strategies, their settings, and what each takes of a server");
  command->add_option("release", flags->release,
                      "compare what this release needs (spec.resources) with what its servers have");
  command->add_option("--cpu", flags->cpu, "what the application needs: 1.5 or 250m");
  command->add_option("--memory", flags->memory, "what it needs: 512M or 1.5Gi");
  command->add_option("--disk", flags->disk, "what one release of it needs");
  command->add_option("--have-cpu", flags->haveCpu, "what a server has free: every strategy is compared with it");
  command->add_option("--have-memory", flags->haveMemory, "what a server has free");
  command->add_option("--have-disk", flags->haveDisk, "what a server has free");
  command->add_option("-o,--output", flags->output, "text, json or yaml");
  command->footer(
      "Exit codes: 0, or 2 when an amount cannot be read.\nExamples:\n  slipway strategies\n"
      "  slipway strategies shop\n"
      "  slipway strategies --cpu 500m --memory 512M --have-cpu 2 --have-memory 1Gi");
  command->callback(
      [&context, flags] { context.action = [&context, flags] { return printStrategies(context, *flags); }; });
}

}  // namespace

std::string completionScript(std::string_view shell, std::string_view program,
                             const std::vector<CommandWords>& commands) {
  if (shell == "fish") {
    std::string out;
    for (const CommandWords& command : commands) {
      if (command.name.empty()) {
        continue;
      }
      const std::size_t space = command.name.rfind(' ');
      const std::string condition = space == std::string::npos
                                        ? "__fish_use_subcommand"
                                        : cat("__fish_seen_subcommand_from ", command.name.substr(0, space));
      std::string help = command.help.substr(0, command.help.find('\n'));
      std::erase(help, '\'');
      out += cat("complete -c ", program, " -f -n '", condition, "' -a '",
                 command.name.substr(space == std::string::npos ? 0 : space + 1), "' -d '", help, "'\n");
      for (const std::string& word : command.words) {
        if (word.starts_with("--")) {
          out += cat("complete -c ", program, " -n '__fish_seen_subcommand_from ", command.name, "' -l ",
                     word.substr(2), "\n");
        }
      }
    }
    return out;
  }
  if (shell != "bash" && shell != "zsh") {
    return {};
  }
  std::string cases;
  for (const CommandWords& command : commands) {
    cases += cat("    \"", command.name, "\") words=\"", join(command.words, " "), "\" ;;\n");
  }
  const std::string prelude = shell == "zsh" ? "autoload -U +X bashcompinit && bashcompinit\n" : "";
  return cat(
      prelude, "_", program, "() {\n  local current=${COMP_WORDS[COMP_CWORD]} path='' words='' word i\n",
      "  for ((i = 1; i < COMP_CWORD && i < 3; i++)); do\n    word=${COMP_WORDS[i]}\n",
      "    case \"$word\" in -*) break ;; esac\n",
      "    if [ -z \"$path\" ]; then path=$word; elif [ \"$path\" = server ]; then path=\"$path $word\"; fi\n  done\n",
      "  case \"$path\" in\n", cases, "  esac\n", "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n",
      "  [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- \"$current\"))\n}\ncomplete -F _", program, " ",
      program, "\n");
}

void addOfflineCommands(CLI::App& program, Context& context) {
  auto lintFlags = std::make_shared<LintFlags>();
  CLI::App* command = program.add_subcommand("lint", "check manifests without an API server, by the rules it has");
  command->add_option("files", lintFlags->files, "files, directories, or - for standard input")->required();
  command->add_option("-o,--output", lintFlags->output, "text, json or yaml");
  command->footer(
      "Prints FILE:LINE: FIELD: MESSAGE. Exit codes: 0 nothing but warnings found, 2 otherwise.\nExample:\n  slipway "
      "lint "
      "manifests/");
  command->callback(
      [&context, lintFlags] { context.action = [&context, lintFlags] { return lint(context, *lintFlags); }; });

  auto planFlags = std::make_shared<PlanOptions>();
  auto planOutput = std::make_shared<std::string>("text");
  command = program.add_subcommand("plan", "what a release would do, touching nothing");
  command->add_option("-f,--filename", planFlags->files, "manifests with the Release")->required();
  command->add_flag("--offline", planFlags->offline, "destinations and servers from the files alone");
  command->add_option("-o,--output", *planOutput, "text, json or yaml");
  command->footer(
      "Examples:\n  slipway plan -f release.yaml\n  slipway plan -f release.yaml -f fleet.yaml --offline -o json");
  command->callback([&context, planFlags, planOutput] {
    context.action = [&context, planFlags, planOutput] {
      const auto form = outputForm(*planOutput);
      if (!form) {
        return context.fail(form.status());
      }
      planFlags->form = *form;
      return printPlans(context, *planFlags);
    };
  });

  addStrategies(program, context);

  auto clientOnly = std::make_shared<bool>(false);
  command = program.add_subcommand("version", "versions of this program and of the API server");
  command->add_flag("--client", *clientOnly, "only of this program");
  command->callback(
      [&context, clientOnly] { context.action = [&context, clientOnly] { return version(context, *clientOnly); }; });

  auto shell = std::make_shared<std::string>();
  command = program.add_subcommand("completion", "a script that lets a shell complete commands");
  command->add_option("shell", *shell, "bash, zsh or fish")->required();
  command->footer(
      "Examples:\n  source <(slipway completion bash)\n  slipway completion fish > "
      "~/.config/fish/completions/slipway.fish");
  command->callback([&context, &program, shell] {
    context.action = [&context, &program, shell] { return completion(context, program, *shell); };
  });
}

}  // namespace slipway::cli
