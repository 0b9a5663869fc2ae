# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Completion of bailiffctl(1) for fish. What may stand next is told by the program itself.

function __bailiffctl_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l lines (command $words[1] complete -- $words[2..-1] "$current" 2>/dev/null)
    if test "$lines[1]" = :command
        set -l dashes (contains -i -- -- $words)
        set -l command_words $words[(math $dashes + 1)..-1] "$current"
        complete -C (string join -- ' ' (string escape -- $command_words[1..-2]) "$current")
    else
        string join -- \n $lines
    end
end

complete -c bailiffctl -f -a '(__bailiffctl_complete)'
