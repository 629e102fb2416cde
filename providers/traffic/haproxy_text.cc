#include "providers/traffic/haproxy_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include "providers/traffic/wanted.h"
#include "reconciler/base/strings.h"

namespace slipway::traffic {
namespace {

constexpr std::array<std::string_view, 18> kSections{
    "global",  "defaults", "listen",      "frontend", "backend",  "peers",       "resolvers", "cache",  "userlist",
    "mailers", "program",  "http-errors", "ring",     "fcgi-app", "log-forward", "crt-store", "traces", "acme"};
constexpr std::string_view kOwnLines = "    ";

// The words of a line, quotes and backslashes kept, a comment left out.
std::vector<std::string> wordsOf(std::string_view line) {
  std::vector<std::string> out;
  std::string word;
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '\\' && quote != '\'' && i + 1 < line.size()) {
      word += c;
      word += line[++i];
    } else if (quote != 0) {
      word += c;
      quote = c == quote ? 0 : quote;
    } else if (c == '"' || c == '\'') {
      word += c;
      quote = c;
    } else if (c == '#') {
      break;
    } else if (c == ' ' || c == '\t' || c == '\r') {
      if (!word.empty()) {
        out.push_back(std::exchange(word, {}));
      }
    } else {
      word += c;
    }
  }
  if (!word.empty()) {
    out.push_back(word);
  }
  return out;
}

int number(std::string_view text, int other = 0) {
  int value = other;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

HaProxyServer serverOf(const std::vector<std::string>& words) {
  HaProxyServer out;
  out.state.weight = 1;
  out.state.writer = true;
  if (!parseHostPort(words[2], out.state.backend)) {
    out.state.backend = {.name = "", .address = words[2], .port = 0};
  }
  out.state.backend.name = words[1];
  for (std::size_t i = 3; i < words.size(); ++i) {
    if (words[i] == "weight" && i + 1 < words.size()) {
      out.state.weight = number(words[++i], 1);
    } else if (words[i] == "backup") {
      out.state.writer = false;
    } else {
      out.options.push_back(words[i]);
    }
  }
  return out;
}

constexpr std::string_view kOurCookie = "# set by Slipway";

std::string cookieLine(const Stickiness& stickiness) {
  const auto age = std::chrono::duration_cast<std::chrono::seconds>(stickiness.maxAge).count();
  return cat(kOwnLines, "cookie ", stickiness.cookie, " insert indirect nocache httponly",
             age > 0 ? cat(" maxlife ", age, "s") : std::string(), " ", kOurCookie, "\n");
}

// `cookie NAME …`, of ours or of a person's own.
void takeCookie(const std::vector<std::string>& words, std::string_view line, HaProxySection& section) {
  if (line.find(kOurCookie) == std::string_view::npos) {
    section.otherCookie = trim(line);
    return;
  }
  section.stickiness.cookie = words[1];
  const auto age = std::find(words.begin(), words.end(), "maxlife");
  if (age != words.end() && age + 1 != words.end()) {
    section.stickiness.maxAge = std::chrono::seconds(number(*(age + 1)));
  }
}

// Whether a line that is none of a server stays as it is.
bool takeLine(const std::vector<std::string>& words, std::string_view line, HaProxySection& section) {
  if (words.size() >= 2 && words[0] == "cookie") {
    takeCookie(words, line, section);
    return line.find(kOurCookie) == std::string_view::npos;
  }
  if (!words.empty() && words[0] == "default-server") {
    section.defaults.insert(section.defaults.end(), words.begin() + 1, words.end());
  }
  return true;
}

// What the cookie has put into the lines of servers.
void dropCookieWords(HaProxySection& section) {
  for (HaProxyServer& server : section.servers) {
    std::vector<std::string>& options = server.options;
    for (std::size_t i = 0; i + 1 < options.size(); ++i) {
      if (options[i] == "cookie" && options[i + 1] == server.state.backend.name) {
        options.erase(options.begin() + static_cast<std::ptrdiff_t>(i),
                      options.begin() + static_cast<std::ptrdiff_t>(i) + 2);
        break;
      }
    }
    if (server.state.weight == 0) {
      std::erase(options, "disabled");
    }
  }
}

void endSection(std::string_view text, HaProxySection& section) {
  section.text = text;
  if (!section.stickiness.cookie.empty()) {
    dropCookieWords(section);
  }
}

std::string serverLine(const BackendState& state, const std::vector<std::string>& options, bool sticky,
                       bool writeBackend) {
  std::string out = cat(kOwnLines, "server ", state.backend.name, " ", hostPort(state.backend));
  for (const std::string& option : options) {
    out += " " + option;
  }
  if (sticky) {
    // With weight 0 alone a cookie would still lead to it.
    out += cat(" cookie ", state.backend.name, state.weight == 0 ? " disabled" : "");
  }
  out += cat(" weight ", writeBackend ? std::min(state.weight, 1) : state.weight);
  return out + (writeBackend && !state.writer ? " backup" : "");
}

// Lines of "# name name" and values below it.
std::vector<std::map<std::string, std::string>> table(const std::string& text, char separator) {
  std::vector<std::map<std::string, std::string>> out;
  std::vector<std::string> names;
  for (const std::string& line : split(text, '\n')) {
    if (line.starts_with("# ")) {
      names = split(line.substr(2), separator);
      continue;
    }
    const std::vector<std::string> values = split(line, separator);
    if (names.empty() || values.size() < 4) {
      continue;
    }
    auto& row = out.emplace_back();
    for (std::size_t i = 0; i < values.size() && i < names.size(); ++i) {
      row[names[i]] = values[i];
    }
  }
  return out;
}

}  // namespace

std::optional<HaProxySection> findHaProxySection(std::string_view file, const std::string& name) {
  std::optional<HaProxySection> found;
  std::size_t begin = 0;
  bool inside = false;
  for (std::size_t at = 0; at < file.size();) {
    const std::size_t end = std::min(file.find('\n', at), file.size() - 1) + 1;
    const std::string_view line = file.substr(at, end - at);
    const std::vector<std::string> words = wordsOf(trim(line));
    if (!words.empty() && std::find(kSections.begin(), kSections.end(), words[0]) != kSections.end()) {
      if (inside) {
        found->after = file.substr(at);
        endSection(file.substr(begin, at - begin), *found);
        return found;
      }
      inside = words.size() >= 2 && words[1] == name && (words[0] == "backend" || words[0] == "listen");
      if (inside) {
        begin = at;
        found.emplace();
        found->before = file.substr(0, at);
        found->head = line;
      }
    } else if (inside && words.size() >= 3 && words[0] == "server") {
      found->serversAt = found->servers.empty() ? found->lines.size() : found->serversAt;
      found->servers.push_back(serverOf(words));
    } else if (inside) {
      if (takeLine(words, line, *found)) {
        found->lines.emplace_back(line);
      }
    }
    at = end;
  }
  if (inside) {
    endSection(file.substr(begin), *found);
  }
  return found;
}

std::string withHaProxyServers(const HaProxySection& section, const std::vector<BackendState>& backends,
                               const Stickiness& stickiness, bool writeBackend) {
  // Without servers of its own: after the last line that says something.
  std::size_t place = section.serversAt;
  if (section.servers.empty()) {
    place = section.lines.size();
    while (place > 0 && (trim(section.lines[place - 1]).empty() || trim(section.lines[place - 1]).front() == '#')) {
      --place;
    }
  }
  const bool sticky = !stickiness.cookie.empty() && !writeBackend;
  std::string servers = sticky ? cookieLine(stickiness) : std::string();
  for (const BackendState& state : backends) {
    const auto old = std::find_if(section.servers.begin(), section.servers.end(), [&](const HaProxyServer& server) {
      return server.state.backend.name == state.backend.name;
    });
    servers +=
        serverLine(state, old == section.servers.end() ? commonOptions(section) : old->options, sticky, writeBackend);
    servers += "\n";
  }
  std::string out = section.head;
  const auto endLine = [&out] { out += out.empty() || out.ends_with('\n') ? "" : "\n"; };
  for (std::size_t i = 0; i <= section.lines.size(); ++i) {
    if (i == place) {
      endLine();
      out += servers;
    }
    if (i < section.lines.size()) {
      out += section.lines[i];
    }
  }
  return out;
}

std::vector<std::string> commonOptions(const HaProxySection& section) {
  std::vector<std::string> out;
  if (section.servers.empty()) {
    return out;
  }
  const std::vector<std::string>& first = section.servers.front().options;
  for (std::size_t i = 0; i < first.size(); ++i) {
    if (first[i] == "cookie" || first[i] == "id" || first[i] == "track" || first[i] == "redir") {
      ++i;
    } else if (first[i] != "disabled") {
      out.push_back(first[i]);
    }
  }
  return out;
}

Result<std::vector<RuntimeServer>> parseRuntime(const std::string& state, const std::string& stat) {
  std::vector<RuntimeServer> out;
  if (state.find("srv_uweight") == std::string::npos) {
    return Status(Code::Invalid, cat("HAProxy answers: ", printable(trim(state))));
  }
  for (auto& row : table(state, ' ')) {
    const int admin = number(row["srv_admin_state"]);
    out.push_back({.name = row["srv_name"],
                   .address = row["srv_addr"],
                   .port = number(row["srv_port"]),
                   .weight = number(row["srv_uweight"]),
                   .draining = (admin & 0x18) != 0,
                   .maintenance = (admin & 0x23) != 0});
  }
  for (auto& row : table(stat, ',')) {
    for (RuntimeServer& server : out) {
      if (server.name == row["svname"]) {
        server.sessions = number(row["scur"]);
        server.health = row["status"] == "no check"         ? ""
                        : row["status"].starts_with("DOWN") ? "down"
                        : row["status"].starts_with("UP")   ? "up"
                                                            : lowerAscii(row["status"]);
        server.cookie = row["cookie"];
      }
    }
  }
  return out;
}

}  // namespace slipway::traffic
