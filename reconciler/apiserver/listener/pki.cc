#include "reconciler/apiserver/listener/pki.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <set>
#include <sstream>

#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reconciler/base/strings.h"

namespace slipway::apiserver {
namespace {

using X509Ptr = std::unique_ptr<X509, decltype(&X509_free)>;
using KeyPtr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using BioPtr = std::unique_ptr<BIO, decltype(&BIO_free)>;

constexpr std::chrono::hours kDay{24};
constexpr auto kCaLife = 3650 * kDay;
constexpr auto kLeafLife = 365 * kDay;
constexpr auto kRenewBefore = 30 * kDay;
constexpr auto kBackdate = std::chrono::hours(1);  // clients whose clocks are a little behind

struct Subject {
  std::string commonName;
  std::string organisation;
};

struct Signed {
  X509Ptr certificate{nullptr, X509_free};
  KeyPtr key{nullptr, EVP_PKEY_free};
};

struct LeafRequest {
  Subject subject;
  const char* extendedUsage = "";
  std::string alternativeNames;  // "DNS:localhost,IP:127.0.0.1"; empty: none
  Duration life = kLeafLife;
  bool authority = false;
};

std::string bioText(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string certificatePem(X509* certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()), BIO_free);
  PEM_write_bio_X509(bio.get(), certificate);
  return bioText(bio.get());
}

std::string keyPem(EVP_PKEY* key) {
  const BioPtr bio(BIO_new(BIO_s_mem()), BIO_free);
  PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  return bioText(bio.get());
}

Signed parsePair(const std::string& certificate, const std::string& key) {
  const BioPtr certificateBio(BIO_new_mem_buf(certificate.data(), static_cast<int>(certificate.size())), BIO_free);
  const BioPtr keyBio(BIO_new_mem_buf(key.data(), static_cast<int>(key.size())), BIO_free);
  return {X509Ptr(PEM_read_bio_X509(certificateBio.get(), nullptr, nullptr, nullptr), X509_free),
          KeyPtr(PEM_read_bio_PrivateKey(keyBio.get(), nullptr, nullptr, nullptr), EVP_PKEY_free)};
}

bool pairIsWhole(const Signed& pair) {
  return pair.certificate && pair.key && X509_check_private_key(pair.certificate.get(), pair.key.get()) == 1;
}

void addExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  if (X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str())) {
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
  }
}

void setSubject(X509* certificate, const Subject& subject) {
  X509_NAME* name = X509_get_subject_name(certificate);
  const auto add = [&](const char* field, const std::string& value) {
    if (!value.empty()) {
      X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(value.data()),
                                 static_cast<int>(value.size()), -1, 0);
    }
  };
  add("O", subject.organisation);
  add("CN", subject.commonName);
}

void setSerial(X509* certificate) {
  const std::unique_ptr<BIGNUM, decltype(&BN_free)> number(BN_new(), BN_free);
  BN_rand(number.get(), 127, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY);
  BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate));
}

// Signed by `issuer`, or by itself without one.
Result<Signed> makeCertificate(const LeafRequest& request, const Signed* issuer, WallTime now) {
  Signed made{X509Ptr(X509_new(), X509_free), KeyPtr(EVP_EC_gen("P-256"), EVP_PKEY_free)};
  if (!made.certificate || !made.key) {
    return Status(Code::Internal, "cannot make an EC P-256 key");
  }
  X509* certificate = made.certificate.get();
  X509* parent = issuer != nullptr ? issuer->certificate.get() : certificate;
  X509_set_version(certificate, 2);
  setSerial(certificate);
  const std::time_t from = std::chrono::system_clock::to_time_t(
      std::chrono::time_point_cast<std::chrono::system_clock::duration>(now - kBackdate));
  const std::time_t until = std::chrono::system_clock::to_time_t(
      std::chrono::time_point_cast<std::chrono::system_clock::duration>(now + request.life));
  ASN1_TIME_set(X509_getm_notBefore(certificate), from);
  ASN1_TIME_set(X509_getm_notAfter(certificate), until);
  setSubject(certificate, request.subject);
  X509_set_issuer_name(certificate, X509_get_subject_name(parent));
  X509_set_pubkey(certificate, made.key.get());
  addExtension(certificate, parent, NID_basic_constraints,
               request.authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
  addExtension(certificate, parent, NID_key_usage,
               request.authority ? "critical,keyCertSign,cRLSign,digitalSignature" : "critical,digitalSignature");
  addExtension(certificate, parent, NID_subject_key_identifier, "hash");
  addExtension(certificate, parent, NID_authority_key_identifier, "keyid:always");
  if (!request.authority) {
    addExtension(certificate, parent, NID_ext_key_usage, request.extendedUsage);
  }
  if (!request.alternativeNames.empty()) {
    addExtension(certificate, parent, NID_subject_alt_name, request.alternativeNames);
  }
  EVP_PKEY* signer = issuer != nullptr ? issuer->key.get() : made.key.get();
  if (X509_sign(certificate, signer, EVP_sha256()) == 0) {
    return Status(Code::Internal, cat("cannot sign the certificate of ", request.subject.commonName));
  }
  return made;
}

bool lastsLongEnough(X509* certificate, WallTime now) {
  std::time_t limit = std::chrono::system_clock::to_time_t(
      std::chrono::time_point_cast<std::chrono::system_clock::duration>(now + kRenewBefore));
  return X509_cmp_time(X509_get0_notAfter(certificate), &limit) > 0;
}

bool isAddress(const std::string& name, std::string& canonical) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  std::array<char, INET6_ADDRSTRLEN> text{};
  for (const int family : {AF_INET, AF_INET6}) {
    if (inet_pton(family, name.c_str(), bytes.data()) == 1) {
      canonical = inet_ntop(family, bytes.data(), text.data(), text.size());
      return true;
    }
  }
  return false;
}

// "DNS:…" and "IP:…" entries, sorted. Anything that is neither is left out: it cannot be in a certificate.
std::set<std::string> wantedNames(const std::vector<std::string>& names) {
  std::set<std::string> wanted;
  std::vector<std::string> all{"localhost", "127.0.0.1", "::1"};
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) == 0) {
    all.emplace_back(host.data());
  }
  all.insert(all.end(), names.begin(), names.end());
  for (const std::string& name : all) {
    std::string canonical;
    if (isAddress(name, canonical)) {
      if (canonical != "0.0.0.0" && canonical != "::") {
        wanted.insert("IP:" + canonical);
      }
    } else if (isDnsSubdomain(lowerAscii(name))) {
      wanted.insert("DNS:" + lowerAscii(name));
    }
  }
  return wanted;
}

std::set<std::string> namesOf(X509* certificate) {
  std::set<std::string> names;
  auto* list = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int index = 0; index < sk_GENERAL_NAME_num(list); ++index) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(list, index);
    if (name->type == GEN_DNS) {
      names.insert("DNS:" + std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                                        static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName))));
    } else if (name->type == GEN_IPADD) {
      std::array<char, INET6_ADDRSTRLEN> text{};
      const int family = ASN1_STRING_length(name->d.iPAddress) == 4 ? AF_INET : AF_INET6;
      if (inet_ntop(family, ASN1_STRING_get0_data(name->d.iPAddress), text.data(), text.size()) != nullptr) {
        names.insert(std::string("IP:") + text.data());
      }
    }
  }
  GENERAL_NAMES_free(list);
  return names;
}

std::optional<std::string> readFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return std::nullopt;
  }
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

Status savePair(const std::string& stem, const Signed& pair) {
  SLIPWAY_RETURN_IF_ERROR(writePrivateFile(stem + ".key", keyPem(pair.key.get())));
  return writePrivateFile(stem + ".crt", certificatePem(pair.certificate.get()));
}

// The pair as it is on the disk: null pointers when there is none yet, Invalid when it cannot be read.
Result<Signed> loadPair(const std::string& stem) {
  const std::optional<std::string> certificate = readFile(stem + ".crt");
  const std::optional<std::string> key = readFile(stem + ".key");
  if (!certificate) {
    return Signed{};  // the certificate is written last: a key without one is a first start that was interrupted
  }
  Signed pair = parsePair(*certificate, key.value_or(""));
  if (!pairIsWhole(pair)) {
    return Status(Code::Invalid,
                  cat(stem, ".crt and ", stem, ".key are damaged or do not belong together; restore them, or",
                      " remove the directory to make new ones (every kubeconfig must then be handed out again)"));
  }
  return pair;
}

Result<Signed> ensureAuthority(const std::string& directory, WallTime now) {
  Result<Signed> loaded = loadPair(directory + "/ca");
  if (!loaded || (loaded->certificate && lastsLongEnough(loaded->certificate.get(), now))) {
    return loaded;
  }
  Result<Signed> made = makeCertificate({.subject = {"slipway-ca", "slipway"},
                                         .extendedUsage = "",
                                         .alternativeNames = "",
                                         .life = kCaLife,
                                         .authority = true},
                                        nullptr, now);
  if (made) {
    SLIPWAY_RETURN_IF_ERROR(savePair(directory + "/ca", *made));
  }
  return made;
}

Result<Signed> ensureLeaf(const std::string& stem, const Signed& authority, const LeafRequest& request,
                          const std::set<std::string>& names, WallTime now) {
  Result<Signed> loaded = loadPair(stem);
  if (!loaded) {
    return loaded;
  }
  X509* certificate = loaded->certificate.get();
  if (certificate != nullptr && lastsLongEnough(certificate, now) && namesOf(certificate) == names &&
      X509_verify(certificate, authority.key.get()) == 1) {
    return loaded;
  }
  Result<Signed> made = makeCertificate(request, &authority, now);
  if (made) {
    SLIPWAY_RETURN_IF_ERROR(savePair(stem, *made));
  }
  return made;
}

}  // namespace

Result<Pki> ensurePki(const std::string& dataDir, const std::vector<std::string>& names, const Clock& clock) {
  const std::string directory = dataDir + "/pki";
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error || chmod(directory.c_str(), S_IRWXU) != 0) {
    return Status(Code::Unavailable, cat("cannot make directory ", directory, ": ",
                                         error ? error.message() : std::string(std::strerror(errno))));
  }
  const WallTime now = clock.wall();
  const Result<Signed> authority = ensureAuthority(directory, now);
  if (!authority) {
    return authority.status();
  }
  const std::set<std::string> wanted = wantedNames(names);
  LeafRequest server{.subject = {"slipwayd", "slipway"}, .extendedUsage = "serverAuth"};
  server.alternativeNames = join({wanted.begin(), wanted.end()}, ",");
  const Result<Signed> serverPair = ensureLeaf(directory + "/server", *authority, server, wanted, now);
  if (!serverPair) {
    return serverPair.status();
  }
  const LeafRequest admin{.subject = {"slipway-admin", "system:masters"}, .extendedUsage = "clientAuth"};
  const Result<Signed> adminPair = ensureLeaf(directory + "/admin", *authority, admin, {}, now);
  if (!adminPair) {
    return adminPair.status();
  }
  return Pki{.caCertificate = certificatePem(authority->certificate.get()),
             .serverCertificate = certificatePem(serverPair->certificate.get()),
             .serverKey = keyPem(serverPair->key.get()),
             .adminCertificate = certificatePem(adminPair->certificate.get()),
             .adminKey = keyPem(adminPair->key.get())};
}

std::string adminKubeconfig(const Pki& pki, std::string_view serverUrl) {
  return cat("apiVersion: v1\nkind: Config\nclusters:\n- name: slipway\n  cluster:\n    server: ", serverUrl,
             "\n    certificate-authority-data: ", base64Encode(pki.caCertificate),
             "\nusers:\n- name: slipway-admin\n  user:\n    client-certificate-data: ",
             base64Encode(pki.adminCertificate), "\n    client-key-data: ", base64Encode(pki.adminKey),
             "\ncontexts:\n- name: slipway\n  context:\n    cluster: slipway\n    user: slipway-admin\n    namespace: "
             "default\n",
             "current-context: slipway\n");
}

Status writePrivateFile(const std::string& path, std::string_view content) {
  const std::string temporary = cat(path, ".new.", getpid());
  const auto failed = [&](const char* what) {
    const std::string reason = std::strerror(errno);
    unlink(temporary.c_str());
    return Status(Code::Unavailable, cat("cannot ", what, " ", path, ": ", reason));
  };
  unlink(temporary.c_str());
  const int file = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (file < 0) {
    return failed("create");
  }
  while (!content.empty()) {
    const ssize_t written = write(file, content.data(), content.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written < 0) {
      close(file);
      return failed("write");
    }
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  const bool synced = fsync(file) == 0;
  if ((close(file) != 0) || !synced) {
    return failed("sync");
  }
  if (rename(temporary.c_str(), path.c_str()) != 0) {
    return failed("replace");
  }
  const std::size_t slash = path.rfind('/');
  const std::string parent = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int directory = open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory >= 0) {
    fsync(directory);
    close(directory);
  }
  return Status::ok();
}

}  // namespace slipway::apiserver
