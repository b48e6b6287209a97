// The type of our dashboard, made of the types that Grafana publishes.

import type * as raw from './node_modules/@grafana/schema/dist/types/raw/dashboard/x/dashboard_types.gen';
import type * as stat from './node_modules/@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as lines from './node_modules/@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

/** A type as it appears in JSON: members of enumerations are their values. */
type Json<T> = T extends string ? `${T}`
  : T extends (infer U)[] ? Json<U>[]
  : T extends object ? { [K in keyof T]: Json<T[K]> }
  : T;

interface Target {
  refId: string;
  datasource: raw.DataSourceRef;
  expr: string;
  legendFormat: string;
  editorMode: 'code' | 'builder';
  range: boolean;
}

interface PanelOf<Type, Options, Custom> extends Omit<raw.Panel, 'type' | 'targets' | 'options' | 'fieldConfig'> {
  type: Type;
  targets: Target[];
  options: Options;
  fieldConfig: { defaults: Omit<raw.FieldConfig, 'custom'> & { custom: Custom }; overrides: [] };
}

type OurPanel =
  | PanelOf<'stat', Partial<stat.Options>, Record<string, never>>
  | PanelOf<'timeseries', lines.Options, lines.FieldConfig>
  | raw.RowPanel;

export type OurDashboard = Json<Omit<raw.Dashboard, 'panels'> & { panels: OurPanel[] }>;
