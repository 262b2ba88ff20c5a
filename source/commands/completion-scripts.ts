/** What the scripts know of the command line. */
export type Completions = {
  /** What may follow each path: `''` -> nouns, `chat` -> verbs, `chat send` -> flags. */
  readonly words: ReadonlyMap<string, readonly string[]>;
  /**
   * The values of a flag behind its path, such as `limit hit --algorithm`, or of a global flag; empty: any, perhaps
   * a file.
   */
  readonly values: ReadonlyMap<string, readonly string[]>;
  readonly nouns: readonly string[];
  /** The global flags whose next word is their value, and so no noun. */
  readonly valued: readonly string[];
  /** The paths behind whose `--` a command line of its own stands. */
  readonly commandLines: readonly string[];
  /** Where names of the server may stand, which `complete-names` finds: words of these paths, values of these flags. */
  readonly live: { readonly words: ReadonlySet<string>; readonly flags: ReadonlySet<string> };
};

export const shells = ['bash', 'zsh', 'fish'] as const;

export const scripts: Readonly<Record<(typeof shells)[number], (known: Completions) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

/** Finds noun and verb among the words before the cursor, wherever flags stand; bash and zsh read it alike. */
function findPath({ nouns, valued }: Completions): string {
  return `if [ "$word" = -- ]; then behind=1; break; fi
    if [ "$word" = '=' ]; then skip=1; continue; fi
    if [ -n "$skip" ]; then skip=''; continue; fi
    if [ -n "$noun" ]; then
      case "$word" in -*) ;; *) if [ -z "$verb" ]; then verb="$word"; fi ;; esac
      continue
    fi
    case "$word" in
      ${valued.join('|')}) skip=1 ;;
      ${nouns.join('|')}) noun="$word" ;;
    esac`;
}

/** Values of the flag before the cursor, else what may follow the path, the longest first. */
function cases({ words, values }: Completions): string {
  const longest = [...words].toSorted(([one], [other]) => other.length - one.length);
  return [
    ...[...values].map(([flag, known]) => `    ${behind(flag)}) found='${known.join(' ')}' ;;`),
    ...longest.map(
      ([path, known]) => `    ${path === '' ? '' : `'${path} '`}*) found='${known.join(' ')}' ;;`,
    ),
  ].join('\n');
}

/** Whether names of the server may stand there. */
function liveCases({ values, live }: Completions): string {
  const flags = [...live.flags].map(behind);
  const others = [...values.keys()].filter((flag) => !live.flags.has(flag)).map(behind);
  const paths = [...live.words].map((path) => `'${path} '*`);
  return `    ${flags.join('|')}) live=1 ;;
    ${others.join('|')}) ;;
    ${paths.join('|')}) live=1 ;;`;
}

/** `noun verb flag`; a command of one word may have any other where the verb stands. */
function behind(flag: string): string {
  const [noun, verb, last] = flag.split(' ');
  if (verb === undefined) return `*' ${flag}'`;
  return last === undefined ? `'${noun} '*' ${verb}'` : `'${flag}'`;
}

function bashScript(known: Completions): string {
  // Bash takes `--pane=l` for three words.
  return `_quarterdeck() {
  local word skip noun verb found behind live
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  if [ "$current" = '=' ]; then current=''
  elif [ "$previous" = '=' ]; then previous="\${COMP_WORDS[COMP_CWORD-2]}"
  fi
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    ${findPath(known)}
  done
  if [ -n "$behind" ]; then
    case "$noun $verb $previous" in
      ${known.commandLines.map((path) => `'${path} --'`).join('|')}) COMPREPLY=($(compgen -c -- "$current")) ;;
      *) COMPREPLY=() ;;
    esac
    return
  fi
  case "$noun $verb $previous" in
${liveCases(known)}
  esac
  case "$current" in -*) live='' ;; esac
  if [ -n "$live" ]; then
    COMPREPLY=()
    # By stdin: what stands in a command line is seen by everybody.
    while IFS= read -r word; do COMPREPLY+=("$word"); done < <(
      printf '%s\\0' "$2" "\${COMP_LINE:0:COMP_POINT}" | command quarterdeck complete-names bash 2>/dev/null
    )
    if [ "\${#COMPREPLY[@]}" -gt 0 ]; then return; fi
  fi
  case "$noun $verb $previous" in
${cases(known)}
  esac
  COMPREPLY=($(compgen -W "$found" -- "$current"))
}
complete -o default -F _quarterdeck quarterdeck`;
}

function zshScript(known: Completions): string {
  return `#compdef quarterdeck
_quarterdeck() {
  local word skip noun verb found behind live previous="\${words[CURRENT-1]}"
  local -a names
  if [[ "\${words[CURRENT]}" == --*=* ]]; then
    previous="\${words[CURRENT]%%=*}"
    compset -P '*='
  fi
  for word in "\${(@)words[2,CURRENT-1]}"; do
    ${findPath(known)}
  done
  if [ -n "$behind" ]; then
    case "$noun $verb $previous" in
      ${known.commandLines.map((path) => `'${path} --'`).join('|')}) _command_names -e ;;
      *) _files ;;
    esac
    return
  fi
  case "$noun $verb $previous" in
${liveCases(known)}
  esac
  case "$PREFIX" in -*) live='' ;; esac
  if [ -n "$live" ]; then
    # By stdin: what stands in a command line is seen by everybody.
    names=("\${(@f)$(printf '%s\\0' "\${(@)words[1,CURRENT-1]}" "$IPREFIX$QIPREFIX$PREFIX" |
      command quarterdeck complete-names zsh 2>/dev/null)}")
    names=("\${(@)names:#}")
    if (( \${#names} )); then compadd -- "\${(@)names}"; return; fi
  fi
  case "$noun $verb $previous" in
${cases(known)}
  esac
  compadd -- \${=found} || _files
}
if [ "$funcstack[1]" = _quarterdeck ]; then _quarterdeck "$@"; else compdef _quarterdeck quarterdeck; fi`;
}

function fishScript({ words, values, nouns, live, commandLines }: Completions): string {
  const lines: string[] = [fishNames];
  for (const [path, known] of words) {
    const [noun, verb] = path.split(' ');
    const verbs = words.get(noun ?? '') ?? [];
    const isWhole = path !== '' && verbs.some((one) => one.startsWith('--'));
    const condition =
      path === ''
        ? `not __fish_seen_subcommand_from ${nouns.join(' ')}`
        : verb !== undefined
          ? `__fish_seen_subcommand_from ${noun}; and __fish_seen_subcommand_from ${verb}`
          : isWhole
            ? `__fish_seen_subcommand_from ${noun}`
            : `__fish_seen_subcommand_from ${noun}; and not __fish_seen_subcommand_from ${verbs.join(' ')}`;
    const plain = known.filter((word) => !word.startsWith('--'));
    // Files are offered where words are free, such as those of `ship run`.
    if (plain.length > 0) lines.push(`complete -c quarterdeck -n '${condition}' -f -a '${plain.join(' ')}'`);
    if (live.words.has(path)) {
      const files = commandLines.includes(path) ? '' : ' -f';
      lines.push(`complete -c quarterdeck -n '${condition}'${files} -k -a '(__quarterdeck_names)'`);
    }
    for (const flag of known.filter((word) => word.startsWith('--'))) {
      const choices = values.get(`${path} ${flag}`) ?? values.get(flag);
      const names = live.flags.has(`${path} ${flag}`) || live.flags.has(flag);
      const listed = names ? '(__quarterdeck_names)' : choices?.join(' ');
      // What is free may be a file, also where the words before it are none.
      const taken = listed === undefined ? '' : listed === '' ? ' -r -F' : ` -x -a '${listed}'`;
      lines.push(`complete -c quarterdeck -n '${condition}' -l ${flag.slice(2)}${taken}`);
    }
  }
  return lines.join('\n');
}

/** By stdin: what stands in a command line is seen by everybody. */
const fishNames = `function __quarterdeck_names
  begin
    printf '%s\\0' (commandline -opc)
    printf '%s\\0' (commandline -ct)
  end | command quarterdeck complete-names fish 2>/dev/null
end`;
