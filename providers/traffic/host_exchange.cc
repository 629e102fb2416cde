#include "providers/traffic/host_exchange.h"

#include <algorithm>
#include <charconv>

#include "providers/transport/script_framing.h"
#include "reconciler/base/json.h"
#include "reconciler/base/strings.h"

#include "embedded/embedded_traffic_script.h"

namespace slipway::traffic {
namespace {

using transport::hostField;

constexpr std::string_view kGreeting = "slipway-traffic 1\n";

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string head(std::string_view verb, const HostArguments& host) {
  const auto seconds = std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::seconds>(host.patience).count());
  return cat(hostField(verb), hostField(host.file), hostField(host.record), hostField(host.admin),
             hostField(host.pidFile), hostField(std::to_string(host.fence)), hostField(std::to_string(seconds)));
}

std::string exchangesField(const std::vector<Exchange>& exchanges) {
  std::string out = hostField(std::to_string(exchanges.size()));
  for (const Exchange& exchange : exchanges) {
    out += hostField(exchange.wanted) + hostField(exchange.bytes);
  }
  return out;
}

struct Entry {
  std::string name;
  std::string text;
};

// The entries after the greeting. Invalid when there is no greeting, or no end.
Result<std::vector<Entry>> entries(std::string_view output) {
  const std::size_t start = output.find(kGreeting);
  if (start == std::string_view::npos) {
    return Status(Code::Invalid, "/bin/sh did not run the traffic script: is the login shell of this user disabled?");
  }
  std::string_view rest = output.substr(start + kGreeting.size());
  std::vector<Entry> out;
  while (!rest.empty()) {
    const std::size_t line = rest.find('\n');
    const std::size_t space = rest.find(' ');
    if (line == std::string_view::npos || space >= line) {
      break;
    }
    const std::size_t count = number(rest.substr(space + 1, line - space - 1));
    if (count > rest.size() - line - 1) {
      break;
    }
    out.push_back({std::string(rest.substr(0, space)), std::string(rest.substr(line + 1, count))});
    rest.remove_prefix(std::min(rest.size(), line + 1 + count + 1));
    if (out.back().name == "end") {
      return out;
    }
  }
  return Status(Code::Unavailable, "the traffic script ended before its answer did");
}

// "CODE MESSAGE" as the script writes it.
Status refusal(const std::string& text) {
  static const std::map<std::string, Code, std::less<>> kCodes = {{"Invalid", Code::Invalid},
                                                                  {"Denied", Code::Denied},
                                                                  {"Conflict", Code::Conflict},
                                                                  {"NotFound", Code::NotFound},
                                                                  {"Unavailable", Code::Unavailable}};
  const std::size_t space = text.find(' ');
  const auto code = kCodes.find(text.substr(0, space));
  return {code == kCodes.end() ? Code::Unavailable : code->second,
          printable(space == std::string::npos ? text : text.substr(space + 1))};
}

Record parseRecord(const std::string& text) {
  Record out;
  const std::size_t line = text.find('\n');
  const std::vector<std::string> words = split(text.substr(0, line), ' ');
  if (words.size() == 4) {
    out.fence = number(words[0]);
    out.settled = words[1] == "1";
    out.reloadedBoot = words[2];
    out.reloadedAt = number(words[3]);
  }
  const Result<Json> json = parseJson(line == std::string::npos ? std::string() : text.substr(line + 1));
  if (!json) {
    return out;
  }
  out.application = json->getString("application");
  out.hadOriginal = json->getBool("hadOriginal");
  out.original = json->getString("original");
  if (const Json* left = json->find("left"); left != nullptr && left->isArray()) {
    for (const Json& digest : left->asArray()) {
      out.left.push_back(digest.isString() ? digest.asString() : std::string());
    }
  }
  if (const Json* backends = json->find("backends"); backends != nullptr && backends->isArray()) {
    for (const Json& item : backends->asArray()) {
      out.backends.push_back(
          {item.getString("name"), item.getString("address"), static_cast<int>(item.getInt("port"))});
      out.weights.push_back(static_cast<int>(item.getInt("weight")));
    }
  }
  return out;
}

void parseWorkers(const std::string& text, Look& out) {
  const std::vector<std::string> lines = split(text, '\n');
  out.boot = lines.front();
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const std::vector<std::string> words = split(lines[i], ' ');
    if (words.size() == 3) {
      out.workers.push_back({words[0], number(words[1]), words[2] == "leaving"});
    }
  }
}

void parseConnections(const std::string& text, Look& out) {
  for (const std::string& line : split(text, '\n')) {
    const std::vector<std::string> words = split(line, ' ');
    if (words.size() == 2) {
      out.connections[words[0]] += static_cast<int>(number(words[1]));
    }
  }
}

}  // namespace

bool Record::knows(const std::string& digest) const {
  if (settled) {
    return !left.empty() && left.back() == digest;
  }
  return std::find(left.begin(), left.end(), digest) != left.end();
}

std::string encodeRecord(const Record& record) {
  Json::Array backends;
  for (std::size_t i = 0; i < record.backends.size(); ++i) {
    const TrafficBackend& backend = record.backends[i];
    backends.push_back(Json::object({{"name", backend.name},
                                     {"address", backend.address},
                                     {"port", backend.port},
                                     {"weight", i < record.weights.size() ? record.weights[i] : 0}}));
  }
  return Json::object({{"application", record.application},
                       {"hadOriginal", record.hadOriginal},
                       {"original", record.original},
                       {"left", Json::Array(record.left.begin(), record.left.end())},
                       {"backends", backends}})
      .dump();
}

std::string recordPath(const TrafficSpec& spec) {
  const std::string file = spec.filePath();
  if (file.empty()) {
    return cat("~/.slipway-traffic/", proxyName(spec.type), ".", spec.service);
  }
  const std::size_t slash = file.rfind('/');
  return cat(file.substr(0, slash), "/.", file.substr(slash + 1), ".", spec.service, ".slipway");
}

const std::string& proxyScript() {
  static const std::string framed = [] {
    std::string script;
    for (const EmbeddedFile& file : embedded_traffic_script()) {
      script += file.content;
    }
    return transport::frameScript(script);
  }();
  return framed;
}

std::string encodeLook(const HostArguments& host, const std::vector<std::string>& questions) {
  std::string out = head("look", host) + hostField(std::to_string(questions.size()));
  for (const std::string& question : questions) {
    out += hostField(question);
  }
  return out;
}

std::string encodeChange(const HostArguments& host, const Change& change) {
  const std::string record = change.dropRecord ? "drop" : change.record ? encodeRecord(*change.record) : "keep";
  return cat(head("change", host), hostField(std::to_string(static_cast<int>(change.file))), hostField(change.expected),
             hostField(change.content), hostField(record), hostField(change.test), hostField(change.reload),
             exchangesField(change.exchanges));
}

std::string encodeRepair(const HostArguments& host) { return head("repair", host); }

Result<Look> parseLook(std::string_view output) {
  Result<std::vector<Entry>> all = entries(output);
  if (!all) {
    return all.status();
  }
  Look out;
  for (Entry& entry : *all) {
    if (entry.name == "refused") {
      return refusal(entry.text);
    }
    if (entry.name == "file") {
      out.file = std::move(entry.text);
    } else if (entry.name == "interrupted") {
      out.interrupted = true;
    } else if (entry.name == "record") {
      out.record = parseRecord(entry.text);
    } else if (entry.name == "reply") {
      out.replies.push_back(std::move(entry.text));
    } else if (entry.name == "silent") {
      out.silent = printable(entry.text);
    } else if (entry.name == "workers") {
      parseWorkers(entry.text, out);
    } else if (entry.name == "nomaster") {
      out.noMaster = entry.text;
    } else if (entry.name == "connections") {
      parseConnections(entry.text, out);
    }
  }
  return out;
}

Result<Answer> parseAnswer(std::string_view output) {
  Result<std::vector<Entry>> all = entries(output);
  if (!all) {
    return all.status();
  }
  Answer out;
  out.status = Status(Code::Unavailable, "the traffic script ended without an answer");
  for (Entry& entry : *all) {
    if (entry.name == "refused" || entry.name == "unfinished") {
      out.end = entry.name == "refused" ? Answer::End::Refused : Answer::End::Unfinished;
      out.status = refusal(entry.text);
    } else if (entry.name == "changed") {
      out.end = Answer::End::Changed;
      out.status = Status::ok();
    } else if (entry.name == "tail") {
      out.tail = lastLines(printable(entry.text), 50);
    } else if (entry.name == "reply") {
      out.replies.push_back(std::move(entry.text));
    }
  }
  return out;
}

}  // namespace slipway::traffic
