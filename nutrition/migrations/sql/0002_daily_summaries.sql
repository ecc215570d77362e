-- Day summaries: one definition of the sums (computed_daily_summaries), one way to store them (refresh_daily_summaries), and the
-- published name of the one-day form (update_daily_summary). This file is part of migration 0002 and is never edited after its release.

-- The id of a summary begins like its person's id, as all rows of a person do; the rest is a hash of the day. The day enters as a number:
-- its text depends on DateStyle, which would also keep the planner from inlining the function (three times slower).
CREATE FUNCTION daily_summary_id(p_user uuid, p_day date) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
    SELECT (substr(p_user::text, 1, 14) || '8' || substr(p_user::text, 16, 4)
            || 'a' || substr(md5(p_user::text || (p_day - DATE '2000-01-01')::text), 18))::uuid
$$;

-- What the summaries of these people from p_since to p_until (NULL: open) should say, one row for each local day with meals.
-- Goals: the row in force on that day; before the earliest row, the earliest; without any, 120 g and 2000 kcal.
-- The goals run along one time line with the days instead of being joined to them: a join by range became a nested loop (25 times slower,
-- growing with the square of the people) wherever the tables' statistics were older than the rows, which is so right after every import.
-- `goals` is {day number, g, kcal}, so the greatest so far is the one in force.
CREATE FUNCTION computed_daily_summaries(p_users uuid[], p_since date, p_until date)
RETURNS TABLE (
    user_id uuid, summary_date date,
    total_protein numeric, total_calories integer, total_carbs numeric, total_fat numeric, total_fiber numeric,
    total_meals integer, morning_meals integer, afternoon_meals integer, evening_meals integer, night_meals integer,
    ai_assisted_meals integer, protein_goal integer, calorie_goal integer,
    protein_goal_met boolean, calorie_goal_met boolean, protein_goal_percentage numeric, calorie_goal_percentage numeric
)
LANGUAGE sql STABLE AS $$
    WITH days AS (
        SELECT meals.user_id, meals.local_date AS day,
               sum(meals.protein_grams) AS protein,
               COALESCE(sum(meals.calories), 0) AS calories,
               COALESCE(sum(meals.carbs_grams), 0) AS carbs,
               COALESCE(sum(meals.fat_grams), 0) AS fat,
               COALESCE(sum(meals.fiber_grams), 0) AS fiber,
               count(*)::integer AS meals,
               (count(*) FILTER (WHERE meals.meal_time_category = 'morning'))::integer AS morning,
               (count(*) FILTER (WHERE meals.meal_time_category = 'afternoon'))::integer AS afternoon,
               (count(*) FILTER (WHERE meals.meal_time_category = 'evening'))::integer AS evening,
               (count(*) FILTER (WHERE meals.meal_time_category = 'night'))::integer AS night,
               (count(*) FILTER (WHERE meals.ai_estimated))::integer AS ai_assisted
        FROM meal_entries AS meals
        WHERE meals.user_id = ANY (p_users)
          AND meals.local_date >= COALESCE(p_since, '-infinity')
          AND meals.local_date <= COALESCE(p_until, 'infinity')
        GROUP BY meals.user_id, meals.local_date
    ), timeline AS (
        SELECT days.*, NULL::integer[] AS goals FROM days
        UNION ALL
        SELECT history.user_id, history.effective_from, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
               ARRAY[history.effective_from - DATE '2000-01-01', history.daily_protein_goal, COALESCE(history.daily_calorie_goal, 2000)]
        FROM goal_history AS history
        WHERE history.user_id = ANY (p_users)
    ), in_force AS (
        SELECT timeline.*, COALESCE(max(goals) OVER so_far, min(goals) OVER ever, ARRAY[0, 120, 2000]) AS goal
        FROM timeline
        WINDOW so_far AS (PARTITION BY timeline.user_id ORDER BY timeline.day), ever AS (PARTITION BY timeline.user_id)
    )
    SELECT user_id, day, protein, LEAST(calories, 2147483647)::integer, carbs, fat, fiber,
           meals, morning, afternoon, evening, night, ai_assisted,
           goal[2], goal[3],
           protein >= goal[2], calories >= goal[3],
           LEAST(COALESCE(round(protein * 100 / NULLIF(GREATEST(goal[2], 0), 0), 2), 0), 99999.99),
           LEAST(COALESCE(round(calories::numeric * 100 / NULLIF(GREATEST(goal[3], 0), 0), 2), 0), 99999.99)
    FROM in_force
    WHERE goals IS NULL
$$;

-- Makes the summaries of exactly these (person, day) pairs right: written, changed, or removed when the day has no meal left.
-- Returns how many rows it wrote or removed; a summary that is right already is not touched. People are locked in id order first, so that
-- of two writers on one day the second sees the first's meals; a person who is being deleted has no summaries any more.
CREATE FUNCTION refresh_daily_summaries(p_users uuid[], p_days date[]) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    written integer;
    removed integer;
    people uuid[];
BEGIN
    IF p_users IS NULL THEN
        RETURN 0;
    END IF;
    SELECT array_agg(locked.id) INTO people FROM (
        SELECT users.id FROM users WHERE users.id = ANY (p_users) ORDER BY users.id FOR NO KEY UPDATE
    ) AS locked;

    WITH pairs AS (SELECT DISTINCT person, day FROM unnest(p_users, p_days) AS touched(person, day))
    INSERT INTO daily_summaries AS kept (
        id, user_id, summary_date, total_protein, total_calories, total_carbs, total_fat, total_fiber,
        total_meals, morning_meals, afternoon_meals, evening_meals, night_meals, ai_assisted_meals, protein_goal, calorie_goal,
        protein_goal_met, calorie_goal_met, protein_goal_percentage, calorie_goal_percentage)
    SELECT daily_summary_id(computed.user_id, computed.summary_date), computed.user_id, computed.summary_date,
           computed.total_protein, computed.total_calories, computed.total_carbs, computed.total_fat, computed.total_fiber,
           computed.total_meals, computed.morning_meals, computed.afternoon_meals, computed.evening_meals, computed.night_meals,
           computed.ai_assisted_meals, computed.protein_goal, computed.calorie_goal,
           computed.protein_goal_met, computed.calorie_goal_met,
           computed.protein_goal_percentage, computed.calorie_goal_percentage
    FROM computed_daily_summaries(
             people, (SELECT min(day) FROM pairs), (SELECT max(day) FROM pairs)) AS computed
    JOIN pairs ON pairs.person = computed.user_id AND pairs.day = computed.summary_date
    ON CONFLICT (user_id, summary_date) DO UPDATE SET
        total_protein = EXCLUDED.total_protein, total_calories = EXCLUDED.total_calories, total_carbs = EXCLUDED.total_carbs,
        total_fat = EXCLUDED.total_fat, total_fiber = EXCLUDED.total_fiber, total_meals = EXCLUDED.total_meals,
        morning_meals = EXCLUDED.morning_meals, afternoon_meals = EXCLUDED.afternoon_meals, evening_meals = EXCLUDED.evening_meals,
        night_meals = EXCLUDED.night_meals, ai_assisted_meals = EXCLUDED.ai_assisted_meals, protein_goal = EXCLUDED.protein_goal,
        calorie_goal = EXCLUDED.calorie_goal, protein_goal_met = EXCLUDED.protein_goal_met,
        calorie_goal_met = EXCLUDED.calorie_goal_met, protein_goal_percentage = EXCLUDED.protein_goal_percentage,
        calorie_goal_percentage = EXCLUDED.calorie_goal_percentage
    WHERE (kept.total_protein, kept.total_calories, kept.total_carbs, kept.total_fat, kept.total_fiber, kept.total_meals,
           kept.morning_meals, kept.afternoon_meals, kept.evening_meals, kept.night_meals, kept.ai_assisted_meals, kept.protein_goal,
           kept.calorie_goal, kept.protein_goal_met, kept.calorie_goal_met, kept.protein_goal_percentage, kept.calorie_goal_percentage)
        IS DISTINCT FROM
          (EXCLUDED.total_protein, EXCLUDED.total_calories, EXCLUDED.total_carbs, EXCLUDED.total_fat, EXCLUDED.total_fiber,
           EXCLUDED.total_meals, EXCLUDED.morning_meals, EXCLUDED.afternoon_meals, EXCLUDED.evening_meals, EXCLUDED.night_meals,
           EXCLUDED.ai_assisted_meals, EXCLUDED.protein_goal, EXCLUDED.calorie_goal, EXCLUDED.protein_goal_met,
           EXCLUDED.calorie_goal_met, EXCLUDED.protein_goal_percentage, EXCLUDED.calorie_goal_percentage);
    GET DIAGNOSTICS written = ROW_COUNT;

    -- One look into the index a day. As NOT EXISTS it could become a join, which read the whole table of meals for one meal (measured, with
    -- statistics older than the rows).
    DELETE FROM daily_summaries AS kept
    USING (SELECT DISTINCT person, day FROM unnest(p_users, p_days) AS touched(person, day)) AS pairs
    WHERE kept.user_id = pairs.person AND kept.summary_date = pairs.day
      AND (SELECT true FROM meal_entries AS meals WHERE meals.user_id = pairs.person AND meals.local_date = pairs.day LIMIT 1) IS NULL;
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN written + removed;
END
$$;

-- The published one-day form.
CREATE FUNCTION update_daily_summary(p_user_id uuid, p_date date) RETURNS void
LANGUAGE sql AS $$
    SELECT refresh_daily_summaries(ARRAY[p_user_id], ARRAY[p_date])
$$;
