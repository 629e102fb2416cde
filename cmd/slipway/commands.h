#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cmd/slipway/context.h"

namespace CLI {
class App;
}

namespace slipway::cli {

// Each adds its commands to the program and, when one is chosen, sets Context::action.
void addObjectCommands(CLI::App& program, Context& context);   // apply, get, delete
void addReleaseCommands(CLI::App& program, Context& context);  // status, wait, history, releases, logs
void addVerbCommands(CLI::App& program, Context& context);     // deploy, retry, rollback, abort, promote, pause, resume
void addServerCommands(CLI::App& program, Context& context);   // server enrol|list, lock, unlock
void addOperationCommands(CLI::App& program, Context& context);  // process, system, permissions, cleanup, fallback
void addOfflineCommands(CLI::App& program, Context& context);    // lint, plan, strategies, version, completion

// A command as shells complete it.
struct CommandWords {
  std::string name;  // "server enrol"; empty: the program itself
  std::string help;
  std::vector<std::string> words;  // flags and subcommands
};
// A script for bash, zsh or fish; empty for another shell. Pure.
std::string completionScript(std::string_view shell, std::string_view program,
                             const std::vector<CommandWords>& commands);

// The program: reads the command line, runs the command, returns the exit code.
int run(int argc, char** argv);

}  // namespace slipway::cli
