return read(KEYS[1], KEYS[2], ARGV[1] == 'head', tonumber(ARGV[2]))
