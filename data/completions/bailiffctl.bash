# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Completion of bailiffctl(1) for bash. What may stand next is told by the program itself.

_bailiffctl()
{
    local cur words cword line word broken typed
    # These break words for readline, but stand within those of bailiffctl: NAME@PATH:OFFSET.
    _get_comp_words_by_ref -n :=@ cur words cword
    COMPREPLY=()

    while IFS= read -r line; do
        if [[ $line == :command ]]; then
            local i
            for ((i = 1; i < COMP_CWORD; i++)); do
                if [[ ${COMP_WORDS[i]} == -- ]]; then
                    _command_offset $((i + 1))
                    return
                fi
            done
            return
        fi
        COMPREPLY+=("${line%%$'\t'*}")
    done < <("$1" complete -- "${words[@]:1:cword}" 2>/dev/null)

    # Of the last one readline has what stands behind the last break alone.
    broken=${COMP_WORDBREAKS//[^:=@]/}
    typed=
    if [[ -n $broken && $cur == *[$broken]* ]]; then
        typed=${cur%"${cur##*[$broken]}"}
    fi
    for word in "${!COMPREPLY[@]}"; do
        printf -v "COMPREPLY[word]" %q "${COMPREPLY[word]#"$typed"}"
    done
    # Behind these the word goes on.
    if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == */ ]]; then
        compopt -o nospace
    fi
} &&
    complete -F _bailiffctl bailiffctl
