#include "cmd/slipway/manifests.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <set>

#include "reconciler/analysis/template_rules.h"
#include "reconciler/api/kinds.h"
#include "reconciler/base/strings.h"
#include "reconciler/schema/yaml.h"

#include "embedded/embedded_crds.h"

namespace slipway::cli {
namespace {

constexpr std::uintmax_t kMaxFile = 3U << 20U;

std::string metaText(const Json& object, std::string_view member) {
  const Json* meta = object.find("metadata");
  return meta == nullptr ? std::string() : meta->getString(member);
}

Result<ManifestText> readOne(const std::string& path) {
  std::string text;
  if (path == "-") {
    std::array<char, 65536> piece{};
    while (text.size() <= kMaxFile && (std::cin.read(piece.data(), piece.size()) || std::cin.gcount() > 0)) {
      text.append(piece.data(), static_cast<std::size_t>(std::cin.gcount()));
    }
  } else {
    std::ifstream in(path, std::ios::binary);
    if (!in) {
      return Status(Code::Invalid, cat(path, ": cannot be read: ", std::strerror(errno)));
    }
    std::error_code ignored;
    if (std::filesystem::file_size(path, ignored) <= kMaxFile || ignored) {
      text.assign(std::istreambuf_iterator<char>(in), {});
    } else {
      text.assign(kMaxFile + 1, ' ');
    }
  }
  if (text.size() > kMaxFile) {
    return Status(Code::Invalid, cat(path, ": is larger than ", kMaxFile >> 20U, " MiB, the API server's limit"));
  }
  return ManifestText{path, std::move(text)};
}

Result<std::vector<std::string>> filesOf(const std::string& directory) {
  std::vector<std::string> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    const std::string extension = entry.path().extension();
    if (entry.is_regular_file() && (extension == ".yaml" || extension == ".yml" || extension == ".json")) {
      files.push_back(entry.path());
    }
  }
  if (error || files.empty()) {
    return Status(Code::Invalid, cat(directory, ": ", error ? error.message() : "has no .yaml, .yml or .json file"));
  }
  std::sort(files.begin(), files.end());
  return files;
}

Status addObject(const ManifestText& text, std::size_t line, Json object, std::vector<Manifest>& out) {
  Manifest manifest{text.file, line, std::move(object)};
  if (!manifest.object.isObject()) {
    return {Code::Invalid, cat(manifest.place(), ": not an object: a mapping with apiVersion and kind is expected")};
  }
  if (manifest.kind() == "List" && manifest.apiVersion() == "v1") {
    Json* items = manifest.object.find("items");
    if (items == nullptr || !items->isArray()) {
      return {Code::Invalid, cat(manifest.place(), ": a List has items")};
    }
    for (Json& item : items->asArray()) {
      SLIPWAY_RETURN_IF_ERROR(addObject(text, line, std::move(item), out));
    }
    return Status::ok();
  }
  for (const char* field : {"apiVersion", "kind"}) {
    if (manifest.object.getString(field).empty()) {
      return {Code::Invalid, cat(manifest.place(), ": ", field, ": Required value")};
    }
  }
  for (const char* field : {"name", "namespace"}) {
    const Json* value = manifest.object.at({"metadata", field});
    if (value != nullptr && !value->isString()) {
      return {Code::Invalid,
              cat(manifest.place(), ": metadata.", field, ": must be a string: put ", value->dump(), " in quotes")};
    }
  }
  if (manifest.name().empty()) {
    return {Code::Invalid, cat(manifest.place(), ": metadata.name: Required value")};
  }
  out.push_back(std::move(manifest));
  return Status::ok();
}

}  // namespace

std::string Manifest::place() const { return cat(file == "-" ? "standard input" : file, ":", line); }
std::string Manifest::name() const { return metaText(object, "name"); }
std::string Manifest::ns() const { return metaText(object, "namespace"); }

Result<std::vector<ManifestText>> readManifestTexts(const std::vector<std::string>& paths) {
  std::vector<ManifestText> texts;
  for (const std::string& path : paths) {
    std::vector<std::string> files{path};
    if (path != "-" && std::filesystem::is_directory(path)) {
      auto found = filesOf(path);
      if (!found) {
        return found.status();
      }
      files = std::move(*found);
    }
    for (const std::string& file : files) {
      auto text = readOne(file);
      if (!text) {
        return text.status();
      }
      texts.push_back(std::move(*text));
    }
  }
  return texts;
}

Result<std::vector<Manifest>> parseManifests(const std::vector<ManifestText>& texts) {
  std::vector<Manifest> manifests;
  for (const ManifestText& text : texts) {
    auto documents = schema::parseYaml(text.text);
    if (!documents) {
      return documents.status().withContext(text.file == "-" ? "standard input" : text.file);
    }
    for (schema::YamlDocument& document : *documents) {
      if (!document.duplicates.empty()) {
        const std::string& field = document.duplicates.front();
        const auto position = document.positions.find(field);
        const std::size_t line = position == document.positions.end() ? document.line : position->second.line;
        return Status(Code::Invalid, cat(Manifest{text.file, line, {}}.place(), ": ", field, ": given more than once"));
      }
      SLIPWAY_RETURN_IF_ERROR(addObject(text, document.line, std::move(document.value), manifests));
    }
  }
  if (manifests.empty()) {
    return Status(Code::Invalid, "no objects in what was given");
  }
  return manifests;
}

const std::vector<schema::Crd>& embeddedCrds() {
  static const std::vector<schema::Crd> kCrds = [] {
    std::vector<schema::Crd> crds;
    for (const EmbeddedFile& file : embedded_crds()) {
      auto documents = schema::parseYaml(file.content);
      if (documents && !documents->empty()) {
        if (auto crd = schema::parseCrd(documents->front().value)) {
          crds.push_back(std::move(*crd));
        }
      }
    }
    return crds;
  }();
  return kCrds;
}

std::string describe(const schema::LintFinding& finding) {
  return cat(finding.file == "-" ? "standard input" : finding.file, ":", finding.line, ": ", finding.field,
             finding.field.empty() ? "" : ": ", finding.message);
}

std::vector<schema::LintFinding> lintText(const ManifestText& text) {
  static const std::unique_ptr<AdmissionRules> kRules = analysis::newAdmissionRules();
  // Which templates a Release finds is for the server to say: here are only some of the objects.
  const auto rules = [](const Json& object) {
    std::vector<schema::FieldError> out;
    if (object.getString("kind") == kAnalysisTemplate.kind) {
      for (const FieldProblem& problem : kRules->check(nullptr, object, {})) {
        out.push_back({problem.reason, problem.field, problem.message});
      }
    }
    return out;
  };
  return schema::lintManifests(text.file, text.text, embeddedCrds(), rules);
}

std::vector<schema::LintFinding> lintOwnKinds(const std::vector<ManifestText>& texts,
                                              const std::vector<Manifest>& manifests) {
  static const std::set<std::string> kCore = {"Secret", "ConfigMap", "Namespace"};
  std::vector<schema::LintFinding> findings;
  for (const ManifestText& text : texts) {
    const bool own = std::all_of(manifests.begin(), manifests.end(), [&](const Manifest& manifest) {
      return manifest.file != text.file || manifest.apiVersion().starts_with(cat(kGroup, "/")) ||
             (manifest.apiVersion() == "v1" && kCore.count(manifest.kind()) > 0);
    });
    if (own) {
      auto found = lintText(text);
      findings.insert(findings.end(), found.begin(), found.end());
    }
  }
  return findings;
}

}  // namespace slipway::cli
