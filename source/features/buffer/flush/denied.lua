-- Whether this user may not run one of some commands, asked before anything is changed: a script that fails in its
-- middle would have done half. Gives the error to reply, or nil.
local function denied(commands)
  for _, words in ipairs(commands) do
    if not redis.acl_check_cmd(unpack(words)) then
      return redis.error_reply("NOPERM this user has no permissions to run the '" .. string.lower(words[1])
        .. "' command on '" .. words[2] .. "'")
    end
  end
end
