"""Scripts by which a shell asks bpnet for completions, and their installation."""

import os
import shlex
from pathlib import Path

from bpnet.errors import UsageError
from bpnet.runs.files import write_text

VARIABLE = "_BPNET_COMPLETE"
"""Set by a script to the shell's name: bpnet then answers with completions."""

_BASH = r"""
_bpnet() {
  local line word
  COMPREPLY=()
  while IFS= read -r line; do
    word=${line%%$'\t'*}
    case ${COMP_WORDS[COMP_CWORD]} in  # inside quotes, fewer characters are escaped
      \'*) word=${word//\'/\'\\\'\'} ;;
      \"*) word=$(sed 's/["$`\]/\\&/g' <<< "$word") ;;
      *) word=$(printf %q "$word") ;;
    esac
    COMPREPLY+=("$word")
  done < <(_BPNET_COMPLETE=bash "$1" "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
  # more is typed after a key, a section or a folder
  [[ ${#COMPREPLY[@]} -gt 0 && ${COMPREPLY[0]} == *[=./] ]] && compopt -o nospace
  return 0
}
complete -o default -F _bpnet bpnet
"""

_ZSH = r"""#compdef bpnet
_bpnet() {
  local line value quote=$compstate[quote]  # one that is still open
  local -a lines open open_shown closed closed_shown
  lines=("${(@f)$(_BPNET_COMPLETE=zsh $words[1] "${(@Q)words[2,CURRENT-1]}" \
    "${(Q)${:-$words[CURRENT]$quote}}" 2>/dev/null)}")
  if [[ -z "$lines" ]]; then
    _files
    return
  fi
  for line in $lines; do
    value=${line%%$'\t'*}
    if [[ $value == *[=./] ]]; then
      open+=($value)
      open_shown+=("${line/$'\t'/  -- }")
    else
      closed+=($value)
      closed_shown+=("${line/$'\t'/  -- }")
    fi
  done
  # more is typed after a key, a section or a folder
  compadd -S '' -l -d open_shown -a open
  compadd -l -d closed_shown -a closed
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _bpnet bpnet
"""

_FISH = r"""function __bpnet_complete
  set -l token (commandline -ct)
  # a quote may be open
  set -l typed (string unescape -- "$token"; or string unescape -- "$token'" "$token\"")
  set -l lines (_BPNET_COMPLETE=fish bpnet (commandline -opc)[2..-1] "$typed" 2>/dev/null)
  if test (count $lines) -eq 0
    __fish_complete_path (commandline -ct)
  else
    printf '%s\n' $lines
  end
end
complete -c bpnet -f -a '(__bpnet_complete)'
"""

SCRIPTS = {"bash": _BASH.lstrip(), "zsh": _ZSH, "fish": _FISH}


def script() -> str:
    """Return the script for the user's shell; raises UsageError for a shell without one."""
    return SCRIPTS[_shell()]


def install() -> list[str]:
    """Write the script for the user's shell, and a line that reads it; return what was done.

    Raises UsageError for a shell without a script, RunError if a file cannot be written.
    """
    shell = _shell()
    if shell == "fish":  # reads every file of this folder
        path = _folder("XDG_CONFIG_HOME", ".config") / "fish" / "completions" / "bpnet.fish"
        _write(path, SCRIPTS[shell])
        return [f"{path}: completion for fish; it works in the next shell"]
    path = _folder("XDG_DATA_HOME", ".local/share") / "bpnet" / f"completion.{shell}"
    _write(path, SCRIPTS[shell])
    start = Path(os.environ.get("ZDOTDIR") or Path.home()) if shell == "zsh" else Path.home()
    start = start / f".{shell}rc"
    line = f"source {shlex.quote(str(path))}"
    present = start.read_text("utf-8", "surrogateescape") if start.exists() else ""
    if line not in present.splitlines():
        with start.open("a", encoding="utf-8") as file:
            file.write(f"{'' if present.endswith(chr(10)) or not present else chr(10)}{line}\n")
    return [
        f"{path}: completion for {shell}, which {start} reads",
        f"Next: {line}, or begin a new shell",
    ]


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text)


def _folder(variable: str, default: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / default)


def _shell() -> str:
    """Return the name of the user's shell, of those that have a script."""
    shell = os.environ.get("SHELL", "")
    name = Path(shell).name
    if name not in SCRIPTS:
        raise UsageError(
            f"the shell is {shell or 'not named by SHELL'}; completion is there for "
            "bash, zsh and fish; name one with: SHELL=bash bpnet --show-completion"
        )
    return name
