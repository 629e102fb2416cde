#include "cmd/slipway/context.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include <sys/ioctl.h>
#include <unistd.h>

#include "reconciler/base/strings.h"
#include "reconciler/base/system.h"
#include "reconciler/schema/yaml.h"

namespace slipway::cli {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

bool localeIsUnicode() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string value = lowerAscii(environment(name));
    if (!value.empty()) {
      return value.find("utf-8") != std::string::npos || value.find("utf8") != std::string::npos;
    }
  }
  return false;
}

}  // namespace

Context::Context()
    : clock_(newSystemClock()),
      random_(newSystemRandom()),
      terminalOut_(isatty(STDOUT_FILENO) == 1),
      terminalIn_(isatty(STDIN_FILENO) == 1),
      unicode_(localeIsUnicode()) {
  kube.environment = environment("KUBECONFIG");
  kube.home = environment("HOME");
  color_ = terminalOut_ && environment("NO_COLOR").empty() && environment("TERM") != "dumb";
}

Context::~Context() = default;

Result<client::ApiClient*> Context::client() {
  if (!client_) {
    auto config = client::loadKubeconfig(kube);
    if (!config) {
      return config.status();
    }
    client_ = std::make_unique<client::ApiClient>(std::move(*config));
    client_->onWarning([this](const std::string& text) { note(cat("warning: ", text)); });
  }
  return client_.get();
}

const std::string& Context::ns() const { return client_->config().ns; }

void Context::print(std::string_view text) { write(printable(text)); }

void Context::write(std::string_view safe) {
  std::fwrite(safe.data(), 1, safe.size(), stdout);
  std::fflush(stdout);
}

void Context::note(std::string_view line) {
  const std::string safe = printable(line) + "\n";
  std::fwrite(safe.data(), 1, safe.size(), stderr);
}

int Context::fail(const Status& status) {
  note(cat("error: ", status.message()));
  return status.code() == Code::Invalid ? kBadInput : kFailed;
}

int Context::badInput(std::string_view message) {
  note(cat("error: ", message));
  return kBadInput;
}

bool Context::confirm(std::string_view question) {
  if (!terminalIn_) {
    return false;
  }
  std::fprintf(stderr, "%s [y/N] ", printable(question).c_str());
  std::string answer;
  std::getline(std::cin, answer);
  answer = lowerAscii(trim(answer));
  return answer == "y" || answer == "yes";
}

int Context::columns() const {
  winsize size{};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 120;
}

std::string Context::who() const {
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  const std::string user = environment("USER");
  return cat(user.empty() ? cat("uid ", getuid()) : user, "@", host.data());
}

Result<OutputForm> outputForm(const std::string& name) {
  static const std::vector<std::pair<std::string_view, OutputForm>> kForms = {{"text", OutputForm::Text},
                                                                              {"wide", OutputForm::Wide},
                                                                              {"json", OutputForm::Json},
                                                                              {"yaml", OutputForm::Yaml},
                                                                              {"name", OutputForm::Name}};
  for (const auto& [known, form] : kForms) {
    if (known == name) {
      return form;
    }
  }
  return Status(Code::Invalid, cat("-o: \"", name, "\" is not one of text, wide, json, yaml, name"));
}

std::string documentText(const Json& object, OutputForm form) {
  return form == OutputForm::Yaml ? schema::toYaml(object) : object.dumpPretty();
}

Result<Duration> timeoutOf(const std::string& text) {
  if (text == "0") {
    return Duration(0);
  }
  auto parsed = parseDuration(text);
  return parsed ? parsed : Result<Duration>(parsed.status().withContext("--timeout"));
}

}  // namespace slipway::cli
