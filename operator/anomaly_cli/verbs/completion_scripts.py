"""The scripts that `kubectl-anomaly completion SHELL` prints. They hold no list of their own: each
asks the program, so an upgrade needs no new script."""

from __future__ import annotations

from collections.abc import Mapping

_BASH = """\
# bash completion of kubectl-anomaly. Use it now: source <(kubectl-anomaly completion bash)
_kubectl_anomaly() {
    local line files=""
    COMPREPLY=()
    while IFS= read -r line; do
        case "$line" in
            :0) files=1 ;;
            :*) ;;
            *) COMPREPLY+=("$line") ;;
        esac
    done < <(kubectl-anomaly __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
    if [[ -n "$files" ]]; then
        compopt -o default
    fi
}
complete -F _kubectl_anomaly kubectl-anomaly
"""
_ZSH = """\
#compdef kubectl-anomaly
# zsh completion of kubectl-anomaly. Use it now: source <(kubectl-anomaly completion zsh)
_kubectl_anomaly() {
    local -a found
    found=("${(@f)$(kubectl-anomaly __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    local directive="${found[-1]}"
    found=("${(@)found[1,-2]}")
    (( ${#found} )) && compadd -- "${(@)found}"
    if [[ "$directive" == ":0" ]]; then
        _files
    fi
}
compdef _kubectl_anomaly kubectl-anomaly
"""
_FISH = """\
# fish completion of kubectl-anomaly. Use it now: kubectl-anomaly completion fish | source
function __kubectl_anomaly_candidates
    set -l words (commandline -opc)
    kubectl-anomaly __complete $words[2..-1] (commandline -ct | string collect) 2>/dev/null \\
        | string match -v ':*'
end
function __kubectl_anomaly_takes_files
    set -l words (commandline -opc)
    kubectl-anomaly __complete $words[2..-1] (commandline -ct | string collect) 2>/dev/null \\
        | string match -q ':0'
end
complete -c kubectl-anomaly -f -a '(__kubectl_anomaly_candidates)'
complete -c kubectl-anomaly -n __kubectl_anomaly_takes_files -F
complete -c kubectl-anomaly -s f -l file -r -F
complete -c kubectl-anomaly -l kubeconfig -r -F
complete -c kubectl-anomaly -l data -r -F
"""
SCRIPTS: Mapping[str, str] = {"bash": _BASH, "fish": _FISH, "zsh": _ZSH}
