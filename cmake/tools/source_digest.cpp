#include "cmake/tools/source_digest.h"

#include <sodium.h>

#include <array>
#include <cctype>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>

namespace paceline::build {
namespace {

// Joins lines that end in a backslash, except inside raw strings, where the standard undoes it.
// Reads one character at a time, so that each caller says which kind it wants.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) { skip_splices(); }

  bool done() const { return at_ >= text_.size(); }
  char peek() const { return done() ? '\0' : text_[at_]; }

  char peek_next() const {
    Cursor next = *this;
    next.take();
    return next.peek();
  }

  char take() {
    const char taken = text_[at_++];
    skip_splices();
    return taken;
  }

  char take_raw() {
    if (done()) throw std::runtime_error("a raw string never ends");
    return text_[at_++];
  }

  void leave_raw() { skip_splices(); }

 private:
  void skip_splices() {
    while (at_ < text_.size() && text_[at_] == '\\') {
      if (text_.substr(at_ + 1, 1) == "\n") {
        at_ += 2;
      } else if (text_.substr(at_ + 1, 2) == "\r\n") {
        at_ += 3;
      } else {
        return;
      }
    }
  }

  std::string_view text_;
  size_t at_ = 0;
};

bool starts_name(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) || c == '_' || c == '$';
}
bool continues_name(char c) {
  return starts_name(c) || std::isdigit(static_cast<unsigned char>(c));
}

bool ends_in_raw_prefix(std::string_view name) {
  return name == "R" || name == "LR" || name == "uR" || name == "UR" || name == "u8R";
}

bool is_literal_prefix(std::string_view name) {
  return name == "L" || name == "u" || name == "U" || name == "u8";
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : cursor_(text) {}

  std::vector<std::string> run() {
    while (!cursor_.done()) step();
    end_line();
    return std::move(tokens_);
  }

 private:
  void step() {
    const char c = cursor_.peek();
    if (c == '\n') {
      cursor_.take();
      end_line();
    } else if (std::isspace(static_cast<unsigned char>(c))) {
      cursor_.take();
      after_space_ = true;
    } else if (c == '/' && cursor_.peek_next() == '/') {
      while (!cursor_.done() && cursor_.peek() != '\n') cursor_.take();
    } else if (c == '/' && cursor_.peek_next() == '*') {
      skip_block_comment();
      after_space_ = true;
    } else {
      token(c);
      line_started_ = true;
      after_space_ = false;
    }
  }

  void token(char c) {
    if (starts_name(c)) return name();
    if (std::isdigit(static_cast<unsigned char>(c)) ||
        (c == '.' && std::isdigit(static_cast<unsigned char>(cursor_.peek_next())))) {
      return number();
    }
    if (c == '"' || c == '\'') return quoted("");
    if (c == '<' && is_include()) return header_name();
    if (c == '#' && !line_started_) in_directive_ = true;
    add(std::string(1, cursor_.take()));
  }

  // Punctuation is one character a token, so a space inside "> >" folds away; within "+ +" it may
  // not, so neighbours that touch are marked by joining them.
  void add(std::string text) {
    const auto is_sign = [](char c) { return std::ispunct(static_cast<unsigned char>(c)) != 0; };
    const bool joins =
        !after_space_ && text.size() == 1 && !tokens_.empty() && line_started_ &&
        last_is_punctuation_ &&
        std::string_view("+-<>&|=:*/^%!.#").find(text[0]) != std::string_view::npos &&
        std::string_view("+-<>&|=:*/^%!.#").find(tokens_.back().back()) != std::string_view::npos;
    const bool punctuation = text.size() == 1 && is_sign(text[0]);
    if (joins) {
      tokens_.back() += text;
    } else {
      tokens_.push_back(std::move(text));
    }
    last_is_punctuation_ = punctuation;
  }

  void push(std::string text) {
    tokens_.push_back(std::move(text));
    last_is_punctuation_ = false;
  }

  void name() {
    std::string text;
    while (continues_name(cursor_.peek())) text += cursor_.take();
    const char next = cursor_.peek();
    if (next == '"' && ends_in_raw_prefix(text)) return raw_string(std::move(text));
    if ((next == '"' || next == '\'') && is_literal_prefix(text)) return quoted(std::move(text));
    push(std::move(text));
  }

  void number() {
    std::string text;
    while (true) {
      const char c = cursor_.peek();
      const bool exponent_sign =
          (c == '+' || c == '-') && !text.empty() &&
          std::string_view("eEpP").find(text.back()) != std::string_view::npos;
      const bool separator = c == '\'' && continues_name(cursor_.peek_next());
      if (!continues_name(c) && c != '.' && !exponent_sign && !separator) break;
      text += cursor_.take();
    }
    push(std::move(text));
  }

  void quoted(std::string text) {
    const char quote = cursor_.take();
    text += quote;
    while (true) {
      if (cursor_.done() || cursor_.peek() == '\n') {
        // An apostrophe in a skipped preprocessor branch or an #error line is no literal.
        if (in_directive_ || quote == '\'') break;
        throw std::runtime_error("a string never ends: " + text);
      }
      const char c = cursor_.take();
      text += c;
      if (c == quote) break;
      if (c == '\\' && !cursor_.done()) text += cursor_.take();
    }
    push(std::move(text));
  }

  void raw_string(std::string text) {
    text += cursor_.take_raw();
    std::string delimiter;
    for (char c = cursor_.take_raw(); c != '('; c = cursor_.take_raw()) delimiter += c;
    text += delimiter + "(";
    const std::string end = ")" + delimiter + "\"";
    while (!text.ends_with(end)) text += cursor_.take_raw();
    cursor_.leave_raw();
    push(std::move(text));
  }

  bool is_include() const {
    return in_directive_ && !tokens_.empty() &&
           (tokens_.back() == "include" || tokens_.back() == "include_next");
  }

  void header_name() {
    std::string text;
    while (!cursor_.done() && cursor_.peek() != '\n' && !text.ends_with(">"))
      text += cursor_.take();
    push(std::move(text));
  }

  void skip_block_comment() {
    cursor_.take();
    cursor_.take();
    char previous = '\0';
    while (!(previous == '*' && cursor_.peek() == '/')) {
      if (cursor_.done()) throw std::runtime_error("a comment never ends");
      previous = cursor_.take();
    }
    cursor_.take();
  }

  void end_line() {
    if (in_directive_) push("\n");
    in_directive_ = false;
    line_started_ = false;
    after_space_ = true;
  }

  Cursor cursor_;
  std::vector<std::string> tokens_;
  bool in_directive_ = false;
  bool line_started_ = false;
  bool after_space_ = true;
  bool last_is_punctuation_ = false;
};

std::vector<std::string> quoted_includes(const std::vector<std::string>& tokens) {
  std::vector<std::string> found;
  for (size_t i = 2; i < tokens.size(); ++i) {
    if (tokens[i - 2] == "#" && tokens[i - 1] == "include" && tokens[i].starts_with('"')) {
      found.push_back(tokens[i].substr(1, tokens[i].size() - 2));
    }
  }
  return found;
}

// What a header declares and a file beside it defines, as kernels for the GPU have it: launchers of
// device code, and what several kernels share. Empty: none of those headers.
std::filesystem::path code_of(const std::filesystem::path& header) {
  if (header.extension() != ".h") return {};
  std::filesystem::path code = header;
  const std::filesystem::path folder = header.parent_path().filename();
  if (folder == "device") return code.replace_extension(".cu");
  const bool is_shared = folder == "support" || folder == "libraries";
  if (is_shared && header.generic_string().starts_with("kernels/cuda/")) {
    return code.replace_extension(".cpp");
  }
  return {};
}

using Sources = std::map<std::string, std::vector<std::string>>;

void collect(const std::filesystem::path& root, const std::filesystem::path& file,
             Sources& sources) {
  if (sources.contains(file.generic_string())) return;
  const auto& tokens =
      sources.emplace(file.generic_string(), tokens_of(read_file(root / file))).first->second;
  const std::filesystem::path top = *file.begin();
  if (const auto code = code_of(file); !code.empty() && std::filesystem::exists(root / code)) {
    collect(root, code, sources);
  }
  for (const std::string& name : quoted_includes(tokens)) {
    for (const std::filesystem::path& base : {std::filesystem::path(), file.parent_path()}) {
      const std::filesystem::path included = (base / name).lexically_normal();
      if (included.empty() || *included.begin() != top) continue;
      if (!std::filesystem::is_regular_file(root / included)) continue;
      collect(root, included, sources);
      break;
    }
  }
}

class Hash {
 public:
  Hash() {
    if (sodium_init() < 0) throw std::runtime_error("libsodium does not start");
    crypto_generichash_init(&state_, nullptr, 0, bytes_.size());
  }

  // Adds the length too, so that no two lists of texts read alike.
  void add(std::string_view text) {
    const std::string length = std::to_string(text.size()) + ":";
    update(length);
    update(text);
  }

  std::string hex() {
    crypto_generichash_final(&state_, bytes_.data(), bytes_.size());
    std::string text(bytes_.size() * 2 + 1, '\0');
    sodium_bin2hex(text.data(), text.size(), bytes_.data(), bytes_.size());
    text.pop_back();
    return text;
  }

 private:
  void update(std::string_view text) {
    crypto_generichash_update(&state_, reinterpret_cast<const unsigned char*>(text.data()),
                              text.size());
  }

  crypto_generichash_state state_{};
  std::array<unsigned char, 16> bytes_{};
};

}  // namespace

std::vector<std::string> tokens_of(std::string_view text) { return Lexer(text).run(); }

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  if (!in || !(text << in.rdbuf())) throw std::runtime_error("cannot read " + path.string());
  return text.str();
}

std::string source_digest(const std::filesystem::path& root, const std::filesystem::path& file,
                          std::string_view compiler) {
  Sources sources;
  collect(root, file, sources);
  Hash hash;
  hash.add(compiler);
  for (const auto& [path, tokens] : sources) {
    hash.add(path);
    for (const std::string& token : tokens) hash.add(token);
  }
  return hash.hex();
}

}  // namespace paceline::build
