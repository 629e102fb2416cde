#include <algorithm>

#include "reconciler/api/release.h"
#include "reconciler/base/strings.h"
#include "reconciler/base/system.h"

namespace slipway {
namespace {

Json textList(const std::vector<std::string>& values) { return Json::Array(values.begin(), values.end()); }

Json textMap(const std::map<std::string, std::string>& values) {
  JsonObject out;
  for (const auto& [key, value] : values) {
    out.append(key, value);
  }
  return out;
}

// Every field is written, also at its default: a later change of a default must not change the hash of what the user
// wrote out, nor of what the defaulting of that day filled in.
Json sourceIdentity(const SourceSpec& source) {
  Json out = Json::object();
  if (source.git.has_value()) {
    const GitSource& git = *source.git;
    out["git"] = Json::object({{"repository", git.repository},
                               {"branch", git.ref.branch},
                               {"tag", git.ref.tag},
                               {"commit", git.ref.commit},
                               {"path", git.path}});
  }
  if (source.directory.has_value()) {
    out["directory"] =
        Json::object({{"path", source.directory->path}, {"exclude", textList(source.directory->exclude)}});
  }
  return out;
}

Json buildIdentity(const ReleaseSpec& spec) {
  Json::Array steps;
  for (const BuildStep& step : spec.build) {
    steps.push_back(Json::object({{"name", step.name}, {"run", step.run}, {"env", textMap(step.env)}}));
  }
  return Json::object({{"build", steps},
                       {"sharedDirectories", textList(spec.layout.sharedDirectories)},
                       {"sharedFiles", textList(spec.layout.sharedFiles)}});
}

std::string hashed(const Json& content) { return "v1:" + sha256Hex(content.dumpCanonical()); }

bool isDigits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool isTimeId(const std::string& id) { return id.size() == 14 && isDigits(id); }

bool isMinuteId(const std::string& id) {
  return id.size() == 13 && id[8] == '-' && isDigits(id.substr(0, 8)) && isDigits(id.substr(9));
}

bool isIdentifier(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
  });
}

// semver.org 2.0.0 without build metadata: MAJOR.MINOR.PATCH[-pre.release].
bool isSemanticVersion(const std::string& id) {
  const std::size_t dash = id.find('-');
  const std::vector<std::string> numbers = split(std::string_view(id).substr(0, dash), '.');
  const bool core = numbers.size() == 3 && std::all_of(numbers.begin(), numbers.end(), [](const std::string& number) {
                      return isDigits(number) && (number.size() == 1 || number[0] != '0');
                    });
  if (!core || dash == std::string::npos) {
    return core;
  }
  const std::vector<std::string> pre = split(std::string_view(id).substr(dash + 1), '.');
  return std::all_of(pre.begin(), pre.end(), [](const std::string& part) { return isIdentifier(part); });
}

bool isSafeName(const std::string& id) {
  return !id.empty() && id.size() <= 128 && id[0] != '.' && id[0] != '-' &&
         std::all_of(id.begin(), id.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' ||
                  c == '_';
         });
}

std::string timeId(WallTime now) {
  std::string out;
  for (char c : formatTime(now)) {
    if (c >= '0' && c <= '9') {
      out += c;
    }
  }
  return out;
}

std::string versionInTag(const ReleaseSpec& spec) {
  if (!spec.source.git.has_value()) {
    return {};
  }
  std::string tag = spec.source.git->ref.tag;
  if (tag.size() > 1 && tag[0] == 'v' && tag[1] >= '0' && tag[1] <= '9') {
    tag.erase(0, 1);
  }
  return tag;
}

}  // namespace

std::string releaseIdentity(const ReleaseSpec& spec) {
  Json::Array destinations;
  for (const DestinationRef& ref : spec.destinations) {
    destinations.push_back(Json::object(
        {{"name", ref.name}, {"servers", textList(ref.servers)}, {"matchLabels", textMap(ref.matchLabels)}}));
  }
  Json process;
  if (spec.process.has_value()) {
    process = processIdentity(*spec.process);
  }
  Json content = Json::object({{"version", spec.version},
                               {"source", sourceIdentity(spec.source)},
                               {"destinations", destinations},
                               {"root", spec.layout.root},
                               {"environment", spec.layout.environment},
                               {"build", buildIdentity(spec)},
                               {"process", process}});
  // Came later: what has none keeps the hash that it had before there were any.
  if (spec.slots.has_value()) {
    content["slots"] = Json::object({{"blue", spec.slots->bluePort}, {"green", spec.slots->greenPort}});
  }
  return hashed(content);
}

std::string preparedIdentity(const ReleaseSpec& spec, const std::string& artifactDigest) {
  return hashed(Json::object({{"artifact", artifactDigest}, {"build", buildIdentity(spec)}}));
}

Status checkReleaseId(const std::string& environment, const std::string& id) {
  if (isTimeId(id)) {
    return Status::ok();
  }
  if (environment == "staging" && !isMinuteId(id)) {
    return {Code::Invalid, cat("version '", id,
                               "' is not a staging id: use YYYYMMDD-HHMM, such as 20260115-1430, or 14 "
                               "digits; or leave spec.version out")};
  }
  if (environment == "production" && !isSemanticVersion(id)) {
    return {Code::Invalid, cat("version '", id,
                               "' is not a production id: use a semantic version such as 1.4.2, or 14 "
                               "digits; or leave spec.version out")};
  }
  if (!isSafeName(id)) {
    return {Code::Invalid, cat("version '", id,
                               "' must be 1 to 128 letters, digits, dots, dashes and underscores, and "
                               "must not begin with a dot or a dash")};
  }
  return Status::ok();
}

std::string newReleaseId(const ReleaseSpec& spec, WallTime now, const std::vector<std::string>& taken) {
  if (!spec.version.empty()) {
    return spec.version;
  }
  const auto known = [&](const std::string& id) { return std::find(taken.begin(), taken.end(), id) != taken.end(); };
  const std::string tagged = versionInTag(spec);
  if (!tagged.empty() && checkReleaseId(spec.layout.environment, tagged) && !known(tagged)) {
    return tagged;
  }
  std::string id = timeId(now);
  while (known(id)) {
    now += std::chrono::seconds(1);
    id = timeId(now);
  }
  return id;
}

}  // namespace slipway
