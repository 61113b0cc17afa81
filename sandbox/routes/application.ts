import type { Api } from "../api.js";
import { monthName, thisMonth } from "../month.js";
import type { Sandbox } from "../sandbox.js";

/** The id that the application goes by while nobody set one. */
export const DEFAULT_APP_ID = 359_137;

/** The application itself and its statistics. */
export function applicationRoutes(sandbox: Sandbox, api: Api): void {
  const { appName, appId } = sandbox.settings;

  api.route("app-details", "get", "/protected/json/app/details", function appDetails() {
    return {
      app: { app_id: appId ?? DEFAULT_APP_ID, name: appName, plan: "sandbox", sms_enabled: true },
      message: "Application information.",
      success: true,
    };
  });

  api.route("app-stats", "get", "/protected/json/app/stats", function appStats() {
    const members = sandbox.state.phones.filter((phone) => phone.member).length;
    thisMonth(sandbox);
    const stats = sandbox.state.months.map((row) => ({
      year: row.year,
      month: monthName(row.month),
      api_calls_count: row.apiCalls,
      auths_count: row.auths,
      calls_count: row.calls,
      sms_count: row.sms,
      users_count: members,
    }));
    return {
      app_id: appId ?? DEFAULT_APP_ID,
      count: stats.length,
      message: "Monthly statistics.",
      stats,
      total_users: members,
      success: true,
    };
  });
}
