-- A flat list of JSON and id, bounded in bytes: of a stored text that is longer than a message of ours can be its
-- beginning is given, with its length in front of it (`12000000:{"id"...`), and the list ends before it grows too long.
-- A text over `longest` has its message cut. Returns the list, and whether something was left out at its end.
local function cutMessages(stored, longest, most)
  local list, bytes = {}, 0
  for i = 1, #stored, 2 do
    local json, id = stored[i], stored[i + 1]
    if #json > 524288 then
      json = string.format('%d:', #json) .. string.sub(json, 1, 200)
    elseif #json > longest then
      local isJson, value = pcall(cjson.decode, json)
      if isJson and type(value) == 'table' and type(value.message) == 'string' then
        value.message = string.sub(value.message, 1, longest) .. '…'
        json = cjson.encode(value)
      end
    end
    bytes = bytes + #json
    if bytes > most and i > 1 then return list, true end
    list[#list + 1], list[#list + 2] = json, id
  end
  return list, false
end
